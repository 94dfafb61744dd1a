//! Calling another service.
//!
//! The one thing a caller must know of a failed call is whether the other side may have acted on it.
//! [`CallError`] says so: a request that was never sent did nothing; of any other failure the outcome is unknown.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::request_log::{self, REQUEST_ID};
use crate::trace_context::{TRACEPARENT, TraceContext};

/// Longest wait for a TCP connection; a service of the same fleet is near.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Largest answer read; ours are under 10 KiB.
const ANSWER_LIMIT_BYTES: usize = 1024 * 1024;

/// One other service.
#[derive(Clone, Debug)]
pub struct Upstream {
    name: &'static str,
    base: Url,
    client: Client,
}

/// What the other side said, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    body: Vec<u8>,
}

/// A call without an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request never left this process: nothing happened over there.
    #[error("{upstream} was not reached")]
    NotSent {
        upstream: &'static str,
        #[source]
        source: reqwest::Error,
    },
    /// The request may have been acted on.
    #[error("{upstream} did not answer; the outcome is unknown")]
    Unknown {
        upstream: &'static str,
        #[source]
        source: reqwest::Error,
    },
    /// An answer came that cannot be read, so the outcome is unknown too.
    #[error("{upstream} answered with something unreadable: {detail}")]
    Unreadable { upstream: &'static str, detail: String },
}

impl CallError {
    /// Whether the request certainly did nothing over there.
    pub fn was_never_sent(&self) -> bool {
        matches!(self, Self::NotSent { .. })
    }

    /// When to try again, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        None
    }
}

impl Upstream {
    /// `timeout` bounds a whole call, from connecting to the last byte of the answer.
    pub fn new(name: &'static str, base: Url, timeout: Duration) -> Self {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .expect("a client without TLS has nothing to fail on");
        Self { name, base, client }
    }

    /// Posts `body` to `path`. The trace and the request id of the request being served go along.
    ///
    /// # Errors
    ///
    /// When no answer came: see [`CallError`].
    pub async fn post(&self, path: &str, body: &impl Serialize) -> Result<Answer, CallError> {
        let url = self.base.join(path).expect("paths are literals");
        self.answer(self.client.post(url).headers(context()).json(body)).await
    }

    /// Asks for what is at `path`.
    ///
    /// # Errors
    ///
    /// As [`post`](Self::post).
    pub async fn get(&self, path: &str) -> Result<Answer, CallError> {
        let url = self.base.join(path).expect("paths are literals and ids");
        self.answer(self.client.get(url).headers(context())).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let mut response = request.send().await.map_err(|source| self.failed(source))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| self.failed(source))? {
            if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                return Err(self.unreadable(format!("more than {ANSWER_LIMIT_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }

    /// The answer's body as `T`.
    ///
    /// # Errors
    ///
    /// [`CallError::Unreadable`] when it is something else.
    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, CallError> {
        serde_json::from_slice(&answer.body).map_err(|error| self.unreadable(error.to_string()))
    }

    /// An answer whose status nothing in the contract explains.
    pub fn unexpected(&self, answer: &Answer) -> CallError {
        self.unreadable(format!("status {}", answer.status.as_u16()))
    }

    fn failed(&self, source: reqwest::Error) -> CallError {
        let upstream = self.name;
        if source.is_connect() || source.is_builder() {
            CallError::NotSent { upstream, source }
        } else {
            CallError::Unknown { upstream, source }
        }
    }

    fn unreadable(&self, detail: String) -> CallError {
        CallError::Unreadable { upstream: self.name, detail }
    }
}

fn context() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: http::HeaderName, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    if let Some(trace) = TraceContext::current() {
        set(http::HeaderName::from_static(TRACEPARENT), trace.to_string());
    }
    let request_id = request_log::current().request_id;
    if !request_id.is_empty() {
        set(REQUEST_ID, request_id);
    }
    headers
}
