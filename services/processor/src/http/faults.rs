//! Responses that fail on purpose.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::{future, stream};
use http_server::outliving::run_to_end;
use tokio::time::sleep;

use super::error::injected;
use crate::sandbox::{Fault, Faults};

/// The delay of a late response: longer than the deadline of a few seconds that callers have.
const LATE: Duration = Duration::from_secs(8);

/// The middleware that injects the faults. Only responses fail: a request is processed completely or not at
/// all.
pub async fn layer(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let Some(fault) = faults.draw() else { return next.run(request).await };
    if fault == Fault::ErrorBefore {
        return injected().into_response();
    }
    let response = run_to_end(next.run(request)).await;
    match fault {
        Fault::Lost => broken_off(),
        Fault::Late => {
            sleep(LATE).await;
            response
        }
        Fault::ErrorBefore | Fault::ErrorAfter => injected().into_response(),
    }
}

/// A response whose body fails immediately, so that the connection closes before anything is sent.
fn broken_off() -> Response {
    let failure: Result<&'static [u8], _> = Err(io::Error::other("the response is lost on purpose"));
    Response::new(Body::from_stream(stream::once(future::ready(failure))))
}

#[cfg(test)]
mod tests {
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use axum::{Json, Router};
    use serde_json::json;
    use test_kit::Client;
    use tokio::time::Instant;

    use super::*;

    /// The paused clock advances only while all tasks wait.
    #[tokio::test(start_paused = true)]
    async fn late_response_is_complete() {
        let faults: Faults = "late=1".parse().unwrap();
        let routes = Router::new().route("/", get(|| async { Json(json!({ "is": "complete" })) }));
        let began = Instant::now();
        let answer = Client(routes.layer(from_fn_with_state(faults, layer))).get("/").await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, json!({ "is": "complete" })));
        assert!(began.elapsed() >= LATE);
    }
}
