//! A request's body, whole and within the limit before anything is sent on.
//!
//! Bodies of the fleet are small. With the body at hand, a client that is slow, breaks off or sends too much is
//! answered here: the service never sees half a request, and a failed forward is never the client's doing.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::StreamExt;
use http::header::EXPECT;
use http::{HeaderMap, StatusCode};
use service_kit::api::BODY_LIMIT_BYTES;
use service_kit::extract::too_large;
use service_kit::problem::Problem;
use tokio::time::timeout;

/// Longest a client may take to send its body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Most that is read of a refused body, and for how long.
const DISCARD_LIMIT_BYTES: usize = 16 * BODY_LIMIT_BYTES;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads `body` to its end.
///
/// # Errors
///
/// 413 over the limit, 400 when the client breaks off, 408 when it takes too long.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    let mut chunks = body.into_data_stream();
    if usize::try_from(declared).is_ok_and(|declared| declared <= BODY_LIMIT_BYTES) {
        match timeout(READ_TIMEOUT, within_limit(&mut chunks)).await {
            Ok(Ok(Some(body))) => return Ok(body),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return Err(broken_off(error)),
            Err(_) => return Err(too_slow()),
        }
    }
    // A client that asked first has not begun to send.
    if !headers.contains_key(EXPECT) {
        discard(&mut chunks).await;
    }
    Err(too_large())
}

/// The body, or nothing when it is over the limit.
async fn within_limit(chunks: &mut BodyDataStream) -> Result<Option<Bytes>, axum::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await.transpose()? {
        if body.len() + chunk.len() > BODY_LIMIT_BYTES {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.into()))
}

/// Reads on without keeping anything: a connection closed while its client still sends is reset, and the answer
/// lost with it.
async fn discard(chunks: &mut BodyDataStream) {
    let mut discarded = 0;
    let discarding = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            discarded += chunk.len();
            if discarded > DISCARD_LIMIT_BYTES {
                break;
            }
        }
    };
    // Whoever still sends after that may lose the answer.
    let _ = timeout(DISCARD_TIMEOUT, discarding).await;
}

fn broken_off(error: axum::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body ended before it was complete.")
        .caused_by(error)
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body-timeout",
        format!("The body was not complete within {} s.", READ_TIMEOUT.as_secs()),
    )
}
