//! The deadline of the caller, on the side of the callee.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn;
use axum::routing::get;
use http::Request;
use http_api::deadline;
use test_kit::{Answer, Client};
use tokio::time::{Instant, sleep};

/// Sends a request with this time left to a handler that takes a second.
async fn asked(time_left: Option<&str>) -> Answer {
    let slow = get(|| async {
        sleep(Duration::from_secs(1)).await;
        let left = deadline::current().map(|deadline| deadline.duration_since(Instant::now()));
        axum::Json(left.map(|left| left.as_millis()))
    });
    let client = Client(Router::new().route("/", slow).layer(from_fn(deadline::layer)));
    let mut request = Request::get("/");
    if let Some(time_left) = time_left {
        request = request.header("X-Request-Timeout-Ms", time_left);
    }
    client.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn request_is_dropped_when_its_caller_stops_waiting() {
    let answer = asked(Some("999")).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (504, "deadline-exceeded"));
}

#[tokio::test(start_paused = true)]
async fn request_in_time_is_answered_and_knows_the_time_left() {
    let answer = asked(Some("1500")).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_u64()), (200, Some(500)));
}

#[tokio::test(start_paused = true)]
async fn absent_or_malformed_deadline_is_no_deadline() {
    for time_left in [None, Some(""), Some("soon"), Some("-1")] {
        let answer = asked(time_left).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_u64()), (200, None), "{time_left:?}");
    }
    assert_eq!(asked(Some("18446744073709551615")).await.status, 200);
}
