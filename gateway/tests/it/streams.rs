//! Event streams are forwarded as they arrive.

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::stream;
use reqwest::{Response, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Gateway, HANG};
use crate::upstreams;

/// Starts a fake of mypage. Its event stream emits what the test sends, and `/mypages/never` never responds.
async fn mypage() -> (String, mpsc::UnboundedSender<&'static str>) {
    let (emit, emitted) = mpsc::unbounded_channel::<&str>();
    let emitted = std::sync::Mutex::new(Some(emitted));
    let events = move || {
        let emitted = emitted.lock().unwrap().take().unwrap();
        let chunks = stream::unfold(emitted, |mut emitted| async move {
            let chunk = emitted.recv().await?;
            Some((Ok::<_, Infallible>(Bytes::from(chunk)), emitted))
        });
        async { ([("content-type", "text/event-stream")], Body::from_stream(chunks)) }
    };
    let events = std::sync::Arc::new(events);
    let router = Router::new()
        .route("/mypages/events", get(move || events()))
        .route("/mypages/never", get(std::future::pending::<()>));
    (upstreams::serve(upstreams::listener().await, router), emit)
}

async fn next(response: &mut Response) -> Option<Bytes> {
    timeout(HANG, response.chunk()).await.expect("the next event is forwarded").unwrap()
}

#[tokio::test]
async fn event_arrives_while_the_stream_stays_open() {
    let (mypage, emit) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage), ("--upstream-timeout-ms", "500")]).await;
    emit.send("data: Booked\n\n").unwrap();
    let request = gateway.get("/mypages/events").header("accept-encoding", "gzip");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(next(&mut response).await.unwrap(), "data: Booked\n\n");

    // This later request times out, and the stream does not.
    let late = gateway.get("/mypages/never").send().await.unwrap();
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
    emit.send("data: Printed\n\n").unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "data: Printed\n\n");

    drop(emit);
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test]
async fn stopping_gateway_ends_its_streams() {
    let (mypage, emit) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage), ("--drain-timeout-ms", "3600000")]).await;
    emit.send("data: Booked\n\n").unwrap();
    let mut response = gateway.get("/mypages/events").send().await.unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "data: Booked\n\n");
    gateway.stop.cancel();
    assert_eq!(next(&mut response).await, None);
    timeout(HANG, gateway.serving).await.expect("the gateway stops before its drain timeout").unwrap();
}

#[tokio::test]
async fn service_notices_when_a_client_leaves_its_stream() {
    let (mypage, emit) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage)]).await;
    emit.send("data: Booked\n\n").unwrap();
    let mut response = gateway.get("/mypages/events").send().await.unwrap();
    next(&mut response).await.unwrap();
    drop(response);
    timeout(HANG, emit.closed()).await.expect("the service's stream is dropped");
}
