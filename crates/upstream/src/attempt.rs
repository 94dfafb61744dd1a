//! One attempt of a call, on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method};
use http_api::deadline::REQUEST_TIMEOUT_MS;
use reqwest::{Client, Url};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::error::CallError;
use crate::settings::Settings;

/// Maximum wait for a TCP connection: the services of a fleet are near each other.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Maximum size of a response that is read. Those of the fleet are under 10 KiB.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// A request that may be sent more than once.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// When the whole call must be over.
    pub(crate) deadline: Instant,
    /// How many attempts of the call may have reached the upstream.
    pub(crate) left: Arc<AtomicUsize>,
}

impl Attempt {
    pub(crate) fn new(method: Method, url: Url, headers: HeaderMap, body: Bytes, deadline: Instant) -> Self {
        Self { method, url, headers, body, deadline, left: Arc::default() }
    }
}

/// Creates the client with the connections to one upstream.
pub(crate) fn client(settings: &Settings) -> Client {
    Client::builder()
        // Shorter than an attempt, so that an attempt without a connection is known as never sent.
        .connect_timeout(CONNECT_TIMEOUT.min(settings.attempt_timeout / 2))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .expect("a client without TLS has nothing to fail on")
}

/// Sends `attempt` and reads the response. The caller enforces the `timeout`; the upstream gets it in a
/// header.
pub(crate) async fn send(
    upstream: &'static str,
    client: Client,
    timeout: Duration,
    attempt: Attempt,
) -> Result<Answer, CallError> {
    let left = timeout.min(attempt.deadline.duration_since(Instant::now()));
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let request = client
        .request(attempt.method, attempt.url)
        .headers(attempt.headers)
        .header(REQUEST_TIMEOUT_MS, left_ms)
        .body(attempt.body);

    // This future may be dropped at any await, so the attempt counts as sent until it is known that it was
    // not.
    attempt.left.fetch_add(1, Ordering::Relaxed);
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => {
            attempt.left.fetch_sub(1, Ordering::Relaxed);
            return Err(CallError::NotSent { upstream, source: error.into() });
        }
        Err(error) => return Err(CallError::unknown(upstream, error)),
    };
    let status = response.status();
    let asks_to_wait = response.headers().contains_key(RETRY_AFTER);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| CallError::unknown(upstream, error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
            let detail = format!("more than {ANSWER_LIMIT_BYTES} bytes");
            return Err(CallError::Unreadable { upstream, detail });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, asks_to_wait, attempts: 1, body })
}
