//! The caller's patience, on the callee's side.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn;
use axum::routing::get;
use http::Request;
use http_api::deadline;
use test_kit::{Answer, Client};
use tokio::time::{Instant, sleep};

/// What a handler that takes a second answers to a caller who waits so long.
async fn asked(patience: Option<&str>) -> Answer {
    let slow = get(|| async {
        sleep(Duration::from_secs(1)).await;
        let left = deadline::current().map(|deadline| deadline.duration_since(Instant::now()));
        axum::Json(left.map(|left| left.as_millis()))
    });
    let client = Client(Router::new().route("/", slow).layer(from_fn(deadline::layer)));
    let mut request = Request::get("/");
    if let Some(patience) = patience {
        request = request.header("X-Request-Timeout-Ms", patience);
    }
    client.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_request_is_dropped_when_its_caller_gives_up() {
    let answer = asked(Some("999")).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (504, "deadline-exceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_request_in_time_is_answered_and_knows_what_is_left() {
    let answer = asked(Some("1500")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_u64()), (200, Some(500)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_does_not_say_or_makes_no_sense_waits_for_ever() {
    for patience in [None, Some(""), Some("soon"), Some("-1")] {
        let answer = asked(patience).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_u64()), (200, None), "{patience:?}");
    }
    assert_eq!(asked(Some("18446744073709551615")).await.status, 200);
}
