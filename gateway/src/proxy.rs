//! The forwarding, and what the client is told when it fails.
//!
//! The client must learn whether its request may have had an effect: 503 says that it never left, 504 and 502 that
//! nobody knows.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode, Uri};
use http_api::problem::Problem;
use http_body_util::Full;
use http_pool::{ExchangeError, Outgoing};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::config::UpstreamUrl;
use crate::headers;
use crate::pages;
use crate::replicas::{Replica, Replicas, Tried};

/// When a client may try again that found a service gone: about the time a restart takes.
const RETRY_AFTER_SECONDS: u64 = 1;

/// A service behind the gateway.
pub struct Upstream {
    pub name: &'static str,
    pub replicas: Arc<Replicas>,
    stop: CancellationToken,
}

/// Why a request got no answer, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{upstream} at {url}")]
struct Failed {
    upstream: &'static str,
    url: UpstreamUrl,
    #[source]
    source: ExchangeError,
}

impl Upstream {
    /// `stop` ends the event streams that pass through.
    pub fn new(name: &'static str, replicas: Replicas, stop: CancellationToken) -> Self {
        Self { name, replicas: Arc::new(replicas), stop }
    }

    /// Forwards a request of `client`, and returns the service's answer as it is.
    pub fn forward(&self, request: Request<Bytes>, client: &Client) -> impl Future<Output = Response> {
        self.send(outgoing(request, client))
    }

    /// The answer of the first replica that gives one. `request` goes out with exactly these headers, and `Host`.
    pub async fn send(&self, request: Outgoing) -> Response {
        let is_safe = request.method().is_safe();
        let mut request = Some(request);
        let mut tried = Tried::default();
        let mut failure = None;
        while let Some(replica) = self.replicas.pick(&mut tried) {
            let is_last = !self.replicas.are_there_others(tried);
            let Some(request) = (if is_last { request.take() } else { request.clone() }) else { break };
            match replica.send(request).await {
                Ok(response) => return self.end_on_stop(response),
                Err(error) => {
                    let is_over = is_last || !may_be_repeated(is_safe, &error);
                    failure = Some(self.failed(error, replica));
                    if is_over {
                        break;
                    }
                }
            }
            metrics::counter!("gateway_retries_total", "upstream" => self.name).increment(1);
        }
        pages::made_here(failure.expect("a service has a replica"))
    }

    /// The problem that tells of a forward without an answer.
    fn failed(&self, error: ExchangeError, replica: &Replica) -> Problem {
        let name = self.name;
        let problem = match error {
            ExchangeError::Unreachable(_) => {
                let detail = format!(
                    "{name} cannot be reached. Nothing was done; the same request may be sent again."
                );
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable", detail)
                    .retry_after(RETRY_AFTER_SECONDS)
            }
            ExchangeError::TimedOut => {
                let detail =
                    format!("{name} did not answer in time. Whether it did what was asked is unknown.");
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "upstream-timeout", detail)
            }
            ExchangeError::Invalid(_) | ExchangeError::Unusable(_) | ExchangeError::Unsendable(_) => {
                let detail =
                    format!("{name} gave no valid answer. Whether it did what was asked is unknown.");
                Problem::new(StatusCode::BAD_GATEWAY, "upstream-broken", detail)
            }
        };
        problem.caused_by(Failed { upstream: name, url: replica.url.clone(), source: error })
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

/// The request as a service gets it.
fn outgoing(request: Request<Bytes>, client: &Client) -> Outgoing {
    let mut request = request.map(Full::new);
    // A client that takes us for a forward proxy names the host in it.
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
    headers::forward(request.headers_mut(), client);
    request
}

/// Whether a request without an answer may go to another replica: when it never left, or when it changes nothing and
/// there is time, which a timeout has used up.
fn may_be_repeated(is_safe: bool, error: &ExchangeError) -> bool {
    match error {
        ExchangeError::Unreachable(_) => true,
        ExchangeError::Invalid(_) | ExchangeError::Unusable(_) | ExchangeError::Unsendable(_) => is_safe,
        ExchangeError::TimedOut => false,
    }
}
