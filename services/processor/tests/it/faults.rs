//! Responses that fail on purpose.

use processor::sandbox::Sandbox;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, charged, refunded};

async fn app(faults: &str) -> App {
    App::with(Sandbox { faults: faults.parse().unwrap(), ..Sandbox::default() }).await
}

/// Sends a request. Returns all bytes of the response until the connection closes.
async fn exchange(app: &App, method: &str, path: &str, body: &str) -> String {
    let (address, _stop) = app.listen().await;
    let mut wire = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: provider\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset also ends the response.
    let _ = wire.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn request_with_a_lost_response_is_processed() {
    let app = app("lost=1").await;
    let body = r#"{"amount": 700, "currency": "KRW"}"#;
    assert_eq!(exchange(&app, "PUT", "/v1/payments/a", body).await, "");
    assert_eq!(app.movements("a").await, [charged(700)]);
    assert_eq!(exchange(&app, "POST", "/v1/payments/a/cancel", "").await, "");
    assert_eq!(app.movements("a").await, [charged(700), refunded(700)]);
}

#[tokio::test]
async fn request_with_a_500_may_or_may_not_be_processed() {
    let app = app("5xx=1").await;
    let (mut before, mut after) = (0, 0);
    for round in 0..200 {
        let reference = format!("a{round}");
        let answer = app.charge(&reference, 700).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (500, "injected-fault"));
        match app.movements(&reference).await.len() {
            0 => before += 1,
            _ => after += 1,
        }
        // The probability that one of them never occurs is 2 in 2^200.
        if before > 0 && after > 0 {
            return;
        }
    }
    panic!("{before} errors before the charge, {after} after it");
}

#[tokio::test]
async fn ledger_and_probes_never_fail() {
    let app = app("5xx=1").await;
    for path in ["/v1/ledger", "/readyz", "/metrics", "/api-docs/openapi.json"] {
        assert_eq!(app.client.get(path).await.status, 200, "{path}");
    }
}
