//! Calls to an upstream that responds, fails, hangs or is unreachable.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use test_kit::FakeUpstream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use upstream::circuit_breaker::{SlidingWindowType, State};
use upstream::{Answer, CallError, Settings, Upstream};

/// Long enough for every response on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

fn settings(url: &str) -> Settings {
    Settings { attempt_timeout: Duration::from_secs(10), ..Settings::new(url.parse().unwrap(), DEADLINE) }
}

/// An upstream whose breaker never opens, because its window never has enough calls.
fn without_breaker(mut settings: Settings) -> Upstream {
    settings.breaker.sliding_window_type = SlidingWindowType::TimeBased;
    settings.breaker.minimum_number_of_calls = u32::MAX;
    Upstream::new("stock", settings)
}

async fn post(upstream: &Upstream) -> Result<Answer, CallError> {
    upstream.post("/items", "item-1", &json!({"id": 1})).await
}

/// Responds with each status in turn, with the last one from then on, and counts.
async fn in_turn(statuses: &'static [u16]) -> (FakeUpstream, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let fake = FakeUpstream::does(move || {
        let turn = asked.fetch_add(1, Ordering::SeqCst);
        async move { (statuses[turn.min(statuses.len() - 1)], json!({})) }
    })
    .await;
    (fake, count)
}

/// Starts a server whose handler gets the headers. Returns its URL.
async fn serve<H, F, R>(handler: H) -> String
where
    H: Fn(HeaderMap) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = R> + Send,
    R: IntoResponse,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(move |request: Request| {
        let handler = handler.clone();
        async move { handler(request.headers().clone()).await }
    });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn failure_is_retried_with_the_same_key_within_the_same_deadline() {
    let seen: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
    let see = seen.clone();
    let url = serve(move |headers: HeaderMap| {
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        let mut seen = see.lock().unwrap();
        seen.push((text("idempotency-key"), text("x-request-timeout-ms").parse().unwrap()));
        let status = if seen.len() < 3 { StatusCode::BAD_GATEWAY } else { StatusCode::CREATED };
        async move { status }
    })
    .await;
    let generous = Settings { attempt_timeout: DEADLINE * 2, ..settings(&url) };
    let answer = post(&without_breaker(generous)).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);

    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|(key, _)| key == "item-1"));
    assert!(seen.iter().all(|(_, left)| *left <= 20_000));
    assert!(seen.is_sorted_by(|(_, earlier), (_, later)| later <= earlier), "{seen:?}");
}

#[tokio::test]
async fn call_has_three_attempts_at_most() {
    let (fake, count) = in_turn(&[500]).await;
    let answer = post(&without_breaker(settings(&fake.url))).await.unwrap();
    assert_eq!((answer.status.as_u16(), count.load(Ordering::SeqCst)), (500, 3));
}

#[tokio::test]
async fn refusal_is_not_retried_and_counts_as_a_success_for_the_breaker() {
    let (fake, count) = in_turn(&[402]).await;
    let upstream = Upstream::new("stock", settings(&fake.url));
    for _ in 0..30 {
        assert_eq!(post(&upstream).await.unwrap().status.as_u16(), 402);
    }
    assert_eq!(count.load(Ordering::SeqCst), 30);
    assert_eq!(upstream.breaker().measured().failed, 0);
}

#[tokio::test]
async fn response_with_retry_after_is_not_retried() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let url = serve(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]) }
    })
    .await;
    assert_eq!(post(&without_breaker(settings(&url))).await.unwrap().status.as_u16(), 503);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn call_to_an_unreachable_upstream_was_never_sent() {
    let fake = FakeUpstream::refuses();
    let error = post(&without_breaker(settings(&fake.url))).await.unwrap_err();
    assert!(error.was_never_sent(), "{error:?}");
}

#[tokio::test]
async fn outcome_is_unknown_when_an_upstream_hangs_or_disconnects() {
    let short = |fake: &FakeUpstream| Settings {
        attempt_timeout: Duration::from_millis(50),
        deadline: Duration::from_millis(120),
        ..settings(&fake.url)
    };
    for fake in [FakeUpstream::hangs().await, FakeUpstream::breaks_off().await] {
        let error = post(&without_breaker(short(&fake))).await.unwrap_err();
        assert!(matches!(error, CallError::Unknown { .. }), "{error:?}");
        assert!(!error.was_never_sent());
    }
}

#[tokio::test]
async fn open_breaker_rejects_calls_and_names_the_remaining_time() {
    let (fake, count) = in_turn(&[500]).await;
    let upstream = Upstream::new("stock", Settings { retry_budget_percent: 0, ..settings(&fake.url) });
    for _ in 0..20 {
        assert_eq!(post(&upstream).await.unwrap().status.as_u16(), 500);
    }
    assert_eq!(upstream.component(), json!({"status": "DEGRADED", "breaker": "open"}));
    let error = post(&upstream).await.unwrap_err();
    assert!(error.was_never_sent(), "{error:?}");
    let left = error.retry_after().unwrap();
    assert!(left > Duration::ZERO && left <= Duration::from_secs(5), "{left:?}");
    assert_eq!(count.load(Ordering::SeqCst), 20);
}

/// The first attempt was sent, whether or not a second one is.
#[tokio::test]
async fn outcome_is_unknown_when_the_breaker_opens_before_the_retry() {
    let (fake, count) = in_turn(&[500]).await;
    let mut settings = settings(&fake.url);
    settings.breaker.minimum_number_of_calls = 2;
    let upstream = Upstream::new("stock", settings);
    let error = post(&upstream).await.unwrap_err();
    assert_eq!((upstream.breaker().state(), count.load(Ordering::SeqCst)), (State::Open, 2));
    assert!(matches!(error, CallError::Unknown { .. }), "{error:?}");
    assert!(error.retry_after().is_some());
    assert!(post(&upstream).await.unwrap_err().was_never_sent());
}

#[tokio::test]
async fn full_bulkhead_rejects_at_once_and_the_breaker_does_not_count_it() {
    let gate = Arc::new(Semaphore::new(0));
    let behind = gate.clone();
    let (arrived, mut arrival) = tokio::sync::mpsc::channel(1);
    let url = serve(move |_| {
        let (behind, arrived) = (behind.clone(), arrived.clone());
        async move {
            arrived.send(()).await.unwrap();
            let _open = behind.acquire().await.unwrap();
            StatusCode::OK
        }
    })
    .await;
    let upstream = Upstream::new("stock", Settings { max_concurrent_calls: 1, ..settings(&url) });
    let under_way = tokio::spawn({
        let upstream = upstream.clone();
        async move { post(&upstream).await.unwrap().status }
    });
    arrival.recv().await.unwrap();

    let error = post(&upstream).await.unwrap_err();
    assert!(matches!(error, CallError::BulkheadFull { .. }), "{error:?}");
    assert!(error.was_never_sent());
    gate.add_permits(1);
    assert_eq!(under_way.await.unwrap(), StatusCode::OK);
    let measured = upstream.breaker().measured();
    assert_eq!((measured.calls, measured.failed), (1, 0));
}

/// Half of the calls fail. The retries stay within the budget, even without a breaker.
#[tokio::test]
async fn retries_stay_within_their_budget_under_load() {
    const BOOKINGS: usize = 2_000;
    let count = Arc::new(AtomicUsize::new(0));
    let turn = count.clone();
    let half = FakeUpstream::does(move || {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        async move { (if turn.is_multiple_of(2) { 500 } else { 201 }, json!({})) }
    })
    .await;
    let upstream = without_breaker(settings(&half.url));
    let mut calls = tokio::task::JoinSet::new();
    let clients = Arc::new(Semaphore::new(50));
    for _ in 0..BOOKINGS {
        let (upstream, clients) = (upstream.clone(), clients.clone());
        calls.spawn(async move {
            let _turn = clients.acquire().await.unwrap();
            post(&upstream).await.unwrap();
        });
    }
    calls.join_all().await;
    let attempts = count.load(Ordering::SeqCst);
    // 20 % of all calls, and one more a second, of which ten are available at the start.
    assert!(attempts <= BOOKINGS * 12 / 10 + 10 + 20, "{attempts} attempts for {BOOKINGS} calls");
    assert!(attempts > BOOKINGS, "{attempts} attempts");
}

#[tokio::test]
async fn get_is_retried_too() {
    let (fake, count) = in_turn(&[503, 200]).await;
    let upstream = without_breaker(settings(&fake.url));
    let answer = upstream.get("/items?id=1").await.unwrap();
    assert_eq!((answer.status.as_u16(), count.load(Ordering::SeqCst)), (200, 2));
    assert_eq!(upstream.read::<serde_json::Value>(&answer).unwrap(), json!({}));
}

#[tokio::test]
async fn breaker_and_retries_are_in_the_metrics() {
    // The recorder is installed first, as in a process.
    telemetry::render_metrics();
    let (fake, _) = in_turn(&[500, 201]).await;
    let mut settings = settings(&fake.url);
    settings.breaker.minimum_number_of_calls = 2;
    let upstream = Upstream::new("metered", settings);
    post(&upstream).await.unwrap();
    post(&upstream).await.unwrap_err();
    let rendered = telemetry::render_metrics();
    for line in [
        r#"resilience4j_circuitbreaker_state{name="metered",state="open"} 1"#,
        r#"resilience4j_circuitbreaker_state{name="metered",state="closed"} 0"#,
        r#"resilience4j_circuitbreaker_state{name="metered",state="forced_open"} 0"#,
        r#"resilience4j_circuitbreaker_calls_seconds_count{name="metered",kind="successful"} 1"#,
        r#"resilience4j_circuitbreaker_calls_seconds_count{name="metered",kind="failed"} 1"#,
        r#"resilience4j_circuitbreaker_not_permitted_calls_total{name="metered",kind="not_permitted"} 1"#,
        r#"resilience4j_circuitbreaker_failure_rate{name="metered"} -1"#,
        r#"upstream_retries_total{upstream="metered"} 1"#,
    ] {
        assert!(rendered.lines().any(|rendered| rendered == line), "{line} in\n{rendered}");
    }
}
