//! The forwarding, and what the client is told when it fails.
//!
//! The client must learn whether its request may have had an effect: 503 says that it never left, 504 and 502 that
//! nobody knows.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum_reverse_proxy::ProxyError;
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use service_kit::api::{self, BODY_LIMIT_BYTES};
use service_kit::problem::Problem;
use tokio_util::sync::CancellationToken;

use crate::config::UpstreamUrl;
use crate::replicas::{Replica, Replicas, Tried};

/// Longest wait for a TCP connection: the services are near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Interval of TCP's own probes, which find a peer that vanished without a word.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// Connections kept to each service while unused, and for how long: one for each of 256 clients at once.
const IDLE_CONNECTIONS_MAX: usize = 256;
const IDLE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// When a client may try again that found a service gone: about the time a restart takes.
const RETRY_AFTER_SECONDS: u64 = 1;

/// The HTTP client that all upstreams share.
pub type HttpClient = Client<HttpConnector, Body>;

/// A service behind the gateway.
pub struct Upstream {
    pub name: &'static str,
    pub replicas: Arc<Replicas>,
    stop: CancellationToken,
}

/// Why a request got no answer, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{upstream} at {url}: {message}")]
struct Failed {
    upstream: &'static str,
    url: UpstreamUrl,
    message: String,
}

/// A client that keeps its connections.
pub fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(TCP_KEEPALIVE));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        // A restarted service closed our idle connections; a request that did not leave on one goes out on another.
        .retry_canceled_requests(true)
        .build(connector)
}

impl Upstream {
    /// `stop` ends the event streams that pass through.
    pub fn new(name: &'static str, replicas: Replicas, stop: CancellationToken) -> Self {
        Self { name, replicas: Arc::new(replicas), stop }
    }

    /// The answer of the first replica that gives one.
    async fn send(&self, head: Parts, body: Bytes) -> Response {
        let mut tried = Tried::default();
        let mut failure = None;
        while let Some(replica) = self.replicas.pick(&mut tried) {
            if failure.is_some() {
                metrics::counter!("gateway_retries_total", "upstream" => self.name).increment(1);
            }
            let request = Request::from_parts(head.clone(), Body::from(body.clone()));
            let (error, response) = match replica.send(request).await {
                Ok(response) => return self.end_on_stop(response),
                Err(failed) => failed,
            };
            let may_be_repeated = may_be_repeated(&head.method, &error, response.status());
            failure = Some(self.failed(response.status(), &error, replica));
            if !may_be_repeated {
                break;
            }
        }
        failure.expect("a service has a replica").into_response()
    }

    /// The problem that tells of a forward without an answer.
    fn failed(&self, status: StatusCode, error: &ProxyError, replica: &Replica) -> Problem {
        let name = self.name;
        let problem = if error.is_connect() {
            let detail =
                format!("{name} cannot be reached. Nothing was done; the same request may be sent again.");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable", detail)
                .retry_after(RETRY_AFTER_SECONDS)
        } else if status == StatusCode::GATEWAY_TIMEOUT {
            let detail = format!("{name} did not answer in time. Whether it did what was asked is unknown.");
            Problem::new(status, "upstream-timeout", detail)
        } else {
            let detail = format!("{name} gave no valid answer. Whether it did what was asked is unknown.");
            Problem::new(StatusCode::BAD_GATEWAY, "upstream-broken", detail)
        };
        problem.caused_by(Failed {
            upstream: name,
            url: replica.url.clone(),
            message: error.message().to_owned(),
        })
    }

    /// Ends an event stream when the gateway stops: it would never end by itself, and its client reconnects.
    fn end_on_stop(&self, response: Response) -> Response {
        let is_event_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if !is_event_stream {
            return response;
        }
        let stopped = self.stop.clone().cancelled_owned();
        response.map(|body| Body::from_stream(body.into_data_stream().take_until(stopped)))
    }
}

/// Passes a request on to `upstream`, and its answer back: whatever a service says itself is left as it is.
pub async fn forward(State(upstream): State<Arc<Upstream>>, request: Request) -> Response {
    if request.method() == Method::CONNECT {
        return api::wrong_method(request).await.into_response();
    }
    let (head, body) = request.into_parts();
    // It is in memory already, whole: see `service_kit::body`.
    match to_bytes(body, BODY_LIMIT_BYTES).await {
        Ok(body) => upstream.send(head, body).await,
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Whether a request without an answer may go to another replica: when it never left, or when it changes nothing and
/// there is time, which a timeout has used up.
fn may_be_repeated(method: &Method, error: &ProxyError, status: StatusCode) -> bool {
    error.is_connect() || (method.is_safe() && status != StatusCode::GATEWAY_TIMEOUT)
}
