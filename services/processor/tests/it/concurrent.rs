//! Concurrent requests for one reference.

use std::sync::Arc;
use std::time::Duration;

use processor::AppState;
use processor::http::Turns;
use processor::sandbox::Sandbox;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::app::{App, charged, path, refunded};

/// Ends a test that would otherwise hang.
const HANG: Duration = Duration::from_secs(30);
const AN_HOUR: Duration = Duration::from_secs(3_600);

/// A provider whose charges with `tok_slow` take an hour, and whose requests hardly wait for each other.
async fn slow_app() -> Arc<App> {
    let sandbox = Sandbox { slow: AN_HOUR, ..Sandbox::default() };
    let state = |db| AppState { turns: Turns::new(Duration::from_millis(1)), ..AppState::new(db, sandbox) };
    Arc::new(App::of(state).await)
}

/// Begins a charge that takes an hour.
async fn begin_slow(app: &Arc<App>, amount: i64) -> JoinSet<()> {
    let mut slow = JoinSet::new();
    let client = app.clone();
    slow.spawn(async move {
        client.charge_token("a", amount, "tok_slow").await;
    });
    let begun = async {
        while app.show("a").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, begun).await.expect("it begins");
    slow
}

#[tokio::test]
async fn fifty_concurrent_requests_charge_once() {
    let app =
        Arc::new(App::with(Sandbox { latency: Some("1..5".parse().unwrap()), ..Sandbox::default() }).await);
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let app = app.clone();
        requests.spawn(async move { app.charge("a", 700).await.body });
    }
    let answers = timeout(HANG, requests.join_all()).await.unwrap();
    assert!(answers.iter().all(|body| *body == answers[0] && body["status"] == "succeeded"), "{answers:?}");
    assert_eq!(app.movements("a").await, [charged(700)]);
}

#[tokio::test]
async fn one_of_two_concurrent_amounts_is_charged() {
    let app = Arc::new(App::new().await);
    for round in 0..20 {
        let reference = format!("a{round}");
        let (first, second) = tokio::join!(app.charge(&reference, 700), app.charge(&reference, 800));
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        assert_eq!(app.movements(&reference).await.len(), 1);
    }
}

#[tokio::test]
async fn concurrent_charges_and_cancels_end_without_a_charge() {
    let app = Arc::new(App::new().await);
    for round in 0..20 {
        let reference = format!("a{round}");
        let mut requests = JoinSet::new();
        for number in 0..6 {
            let (app, reference) = (app.clone(), reference.clone());
            requests.spawn(async move {
                match number % 2 {
                    0 => app.charge(&reference, 700).await,
                    _ => app.cancel(&reference).await,
                }
            });
        }
        let answers = timeout(HANG, requests.join_all()).await.unwrap();
        assert!(answers.iter().all(|answer| answer.status == 200));
        let movements = app.movements(&reference).await;
        assert!(movements.is_empty() || movements == [charged(700), refunded(700)], "{movements:?}");
        assert_eq!(app.show(&reference).await.body["status"], "canceled");
    }
}

#[tokio::test]
async fn second_request_is_pending_while_a_slow_one_decides() {
    let app = slow_app().await;
    let _slow = begin_slow(&app, 700).await;
    assert_eq!(app.show("a").await.body["status"], "pending");
    let second = app.charge("a", 700).await;
    assert_eq!((second.status.as_u16(), second.header("retry-after")), (202, "1"));
    assert_eq!((&second.body["status"], &second.body["amount"]), (&"pending".into(), &700.into()));
    let other = app.charge("a", 800).await;
    assert_eq!((other.status.as_u16(), other.problem()), (409, "amount-conflict"));
    assert_eq!(app.movements("a").await, []);
}

#[tokio::test]
async fn cancel_overtakes_a_slow_charge() {
    let app = slow_app().await;
    let _slow = begin_slow(&app, 700).await;
    assert_eq!(app.cancel("a").await.body["status"], "canceled");
    let after = app.charge("a", 700).await;
    assert_eq!((after.status.as_u16(), &after.body["status"]), (200, &"canceled".into()));
    assert_eq!(app.movements("a").await, []);
}

#[tokio::test]
async fn running_charge_that_is_canceled_ends_without_a_charge() {
    let sandbox = Sandbox { latency: Some("50".parse().unwrap()), ..Sandbox::default() };
    let app = Arc::new(App::with(sandbox).await);
    let charging = tokio::spawn({
        let app = app.clone();
        async move { app.charge("a", 700).await }
    });
    let begun = async {
        while app.show("a").await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, begun).await.expect("it begins");
    // The charge may come first; then it is refunded.
    app.cancel("a").await;
    let charge = timeout(HANG, charging).await.unwrap().unwrap();
    assert_eq!((charge.status.as_u16(), &charge.body["status"]), (200, &"canceled".into()));
    let movements = app.movements("a").await;
    assert!(movements.is_empty() || movements == [charged(700), refunded(700)], "{movements:?}");
}

#[tokio::test]
async fn next_request_decides_a_charge_left_pending_by_a_crash() {
    let app = slow_app().await;
    drop(begin_slow(&app, 700).await);
    let other = app.another_process(Sandbox::default());
    let answer = other.put(&path("a"), json!({"amount": 700, "currency": "KRW"})).await;
    assert_eq!(answer.body["status"], "succeeded");
    assert_eq!(app.movements("a").await, [charged(700)]);
}

#[tokio::test]
async fn charge_continues_after_its_client_disconnects() {
    let sandbox = Sandbox { latency: Some("20".parse().unwrap()), ..Sandbox::default() };
    let app = Arc::new(App::with(sandbox).await);
    let client = tokio::spawn({
        let app = app.clone();
        async move { app.charge("a", 700).await }
    });
    let settled = async {
        while app.show("a").await.status != 200 {
            tokio::task::yield_now().await;
        }
        client.abort();
        while app.show("a").await.body["status"] != "succeeded" {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, settled).await.expect("it is charged");
    assert_eq!(app.movements("a").await, [charged(700)]);
}
