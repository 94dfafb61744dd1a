//! Event streams pass as they come.

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

/// A mypage whose event stream says what the test tells it to, and whose `/mypages/never` never answers.
async fn mypage() -> (String, mpsc::UnboundedSender<&'static str>) {
    let (say, said) = mpsc::unbounded_channel::<&str>();
    let said = std::sync::Mutex::new(Some(said));
    let events = move || {
        let said = said.lock().unwrap().take().unwrap();
        let chunks = stream::unfold(said, |mut said| async move {
            let chunk = said.recv().await?;
            Some((Ok::<_, Infallible>(Bytes::from(chunk)), said))
        });
        async { ([("content-type", "text/event-stream")], Body::from_stream(chunks)) }
    };
    let events = std::sync::Arc::new(events);
    let router = Router::new()
        .route("/mypages/events", get(move || events()))
        .route("/mypages/never", get(std::future::pending::<()>));
    (upstreams::serve(upstreams::listener().await, router), say)
}

async fn next(response: &mut Response) -> Option<Bytes> {
    timeout(HANG, response.chunk()).await.expect("the next event comes through").unwrap()
}

#[tokio::test]
async fn an_event_arrives_while_the_stream_goes_on() {
    let (mypage, say) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage), ("--upstream-timeout-ms", "500")]).await;
    say.send("data: Booked\n\n").unwrap();
    let request = gateway.get("/mypages/events").header("accept-encoding", "gzip");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(next(&mut response).await.unwrap(), "data: Booked\n\n");

    // This request, begun later, runs into the timeout; the stream does not.
    let late = gateway.get("/mypages/never").send().await.unwrap();
    assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
    say.send("data: Printed\n\n").unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "data: Printed\n\n");

    drop(say);
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test]
async fn a_stopping_gateway_ends_its_streams_and_stops() {
    let (mypage, say) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage), ("--drain-timeout-ms", "3600000")]).await;
    say.send("data: Booked\n\n").unwrap();
    let mut response = gateway.get("/mypages/events").send().await.unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "data: Booked\n\n");
    gateway.stop.cancel();
    assert_eq!(next(&mut response).await, None);
    timeout(HANG, gateway.serving).await.expect("the gateway stops before its drain timeout").unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_is_gone_for_the_service_too() {
    let (mypage, say) = mypage().await;
    let gateway = Gateway::start([("--mypage-url", &mypage)]).await;
    say.send("data: Booked\n\n").unwrap();
    let mut response = gateway.get("/mypages/events").send().await.unwrap();
    next(&mut response).await.unwrap();
    drop(response);
    timeout(HANG, say.closed()).await.expect("the service's stream is dropped");
}
