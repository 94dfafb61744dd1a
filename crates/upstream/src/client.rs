//! The client of one other service.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use circuit_breaker::{CircuitBreaker, State};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_api::extract::IDEMPOTENCY_KEY;
use http_api::request::REQUEST_ID;
use http_api::{deadline, request};
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use telemetry::trace_context::TRACEPARENT;
use telemetry::{Span, SpanKind, chain};
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::answer::Answer;
use crate::attempt::Attempt;
use crate::error::CallError;
use crate::settings::Settings;
use crate::stack;

/// One other service. Its clones share one breaker, one bulkhead, one budget and one pool of connections.
#[derive(Clone)]
pub struct Upstream {
    name: &'static str,
    settings: Settings,
    breaker: CircuitBreaker,
    stack: BoxCloneSyncService<Attempt, Answer, CallError>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, breaker, .. } = self;
        f.debug_struct("Upstream").field("name", name).field("breaker", breaker).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Creates a client. `name` is the upstream's name in logs, metrics and `/readyz`.
    pub fn new(name: &'static str, settings: Settings) -> Self {
        let breaker = stack::breaker(name, &settings);
        let stack = stack::stack(name, &settings, &breaker);
        Self { name, settings, breaker, stack }
    }

    /// Posts `body` to `path`. Upstreams must treat two POSTs with the same `idempotency_key` as one.
    ///
    /// # Errors
    ///
    /// When there is no response: see [`CallError`].
    pub async fn post(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Result<Answer, CallError> {
        let mut headers = context();
        set(&mut headers, IDEMPOTENCY_KEY, idempotency_key);
        self.send(Method::POST, path, headers, body).await
    }

    /// Puts `body` at `path`. The path is the idempotency key: upstreams must treat two equal PUTs as one.
    ///
    /// # Errors
    ///
    /// When there is no response: see [`CallError`].
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<Answer, CallError> {
        self.send(Method::PUT, path, context(), body).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: &impl Serialize,
    ) -> Result<Answer, CallError> {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = serde_json::to_vec(body).expect("a message is JSON");
        self.call(method, path, headers, body.into()).await
    }

    /// Gets `path`.
    ///
    /// # Errors
    ///
    /// When there is no response: see [`CallError`].
    pub async fn get(&self, path: &str) -> Result<Answer, CallError> {
        self.call(Method::GET, path, context(), Bytes::new()).await
    }

    /// Deserializes the body of `answer`.
    ///
    /// # Errors
    ///
    /// [`CallError::Unreadable`] when the body is not a `T`.
    pub fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, CallError> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| CallError::Unreadable { upstream: self.name, detail: error.to_string() })
    }

    /// Returns the error for a status that is not in the contract.
    pub fn unexpected(&self, answer: &Answer) -> CallError {
        let detail = format!("status {}", answer.status.as_u16());
        CallError::Unreadable { upstream: self.name, detail }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the longest time of a whole call.
    pub fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    /// Returns the breaker around the calls.
    pub fn breaker(&self) -> &CircuitBreaker {
        &self.breaker
    }

    /// Returns how `/readyz` shows the upstream. It does not decide there, because some requests do not need
    /// the upstream.
    pub fn component(&self) -> Value {
        let state = self.breaker.state();
        json!({"status": if state == State::Closed { "UP" } else { "DEGRADED" }, "breaker": state.as_str()})
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let url = self.settings.url.join(path).expect("paths are literals");
        let mut span = Span::of_current(SpanKind::Client, method.as_str().to_owned());
        if span.is_recorded() {
            span.set("http.request.method", method.as_str().to_owned());
            span.set("server.address", url.host_str().unwrap_or_default().to_owned());
            span.set("url.path", url.path().to_owned());
            span.set("service.peer.name", self.name);
        }
        headers.insert(HeaderName::from_static(TRACEPARENT), span.context().to_header());
        let outcome = self.attempt(method, url, headers, body).await;
        match &outcome {
            Ok(answer) => {
                span.set("http.response.status_code", i64::from(answer.status.as_u16()));
                let resends = answer.attempts.saturating_sub(1);
                span.set("http.request.resend_count", i64::try_from(resends).unwrap_or(i64::MAX));
            }
            Err(error) => span.fail(chain(error)),
        }
        outcome
    }

    async fn attempt(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, CallError> {
        let own = Instant::now() + self.settings.deadline;
        let deadline = deadline::current().map_or(own, |callers| callers.min(own));
        let attempt = Attempt::new(method, url, headers, body, deadline);
        let left = attempt.left.clone();

        let answer = timeout_at(deadline, self.stack.clone().oneshot(attempt)).await;
        let may_have_left = left.load(Ordering::Relaxed) > 0;
        match answer {
            Ok(Err(error)) if error.was_never_sent() && may_have_left => {
                Err(CallError::unknown(self.name, error))
            }
            Ok(answer) => answer.map(|answer| Answer { attempts: left.load(Ordering::Relaxed), ..answer }),
            Err(late) if may_have_left => Err(CallError::unknown(self.name, late)),
            Err(late) => Err(CallError::NotSent { upstream: self.name, source: late.into() }),
        }
    }
}

/// Returns the headers with the id of the request being served.
fn context() -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(request) = request::current() {
        headers.insert(REQUEST_ID, request.id);
    }
    headers
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
