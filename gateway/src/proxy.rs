//! Forwards a request to a service, and responds with a problem if that fails.
//!
//! The status tells the client whether its request may have had an effect: with 503, the request was never
//! sent; with 502 and 504, the outcome is unknown.

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

/// `Retry-After` while a service is unreachable: about the duration of a restart.
const RETRY_AFTER_SECONDS: u64 = 1;

/// A service behind the gateway.
pub struct Upstream {
    pub name: &'static str,
    pub replicas: Arc<Replicas>,
    stop: CancellationToken,
}

/// Why a request got no response, for the log.
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

    /// Forwards a request of `client`, and returns the service's response unchanged.
    pub fn forward(&self, request: Request<Bytes>, client: &Client) -> impl Future<Output = Response> {
        self.send(outgoing(request, client))
    }

    /// Sends `request` with exactly its headers and `Host`, and returns the response of the first replica
    /// that gives one.
    pub async fn send(&self, request: Outgoing) -> Response {
        let is_safe = request.method().is_safe();
        let mut request = Some(request);
        let mut tried = Tried::default();
        let mut failure = None;
        while let Some(replica) = self.replicas.pick(&mut tried) {
            let is_last = !self.replicas.has_untried(tried);
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
        pages::with_security_headers(failure.expect("a service has a replica"))
    }

    /// Returns the problem for a request that got no response from `replica`.
    fn failed(&self, error: ExchangeError, replica: &Replica) -> Problem {
        let name = self.name;
        let problem = match error {
            ExchangeError::Unreachable(_) => {
                let detail =
                    format!("{name} is unreachable. The request was not sent to it; you can send it again.");
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable", detail)
                    .retry_after(RETRY_AFTER_SECONDS)
            }
            ExchangeError::TimedOut => {
                let detail =
                    format!("{name} did not respond in time. It may or may not have processed the request.");
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "upstream-timeout", detail)
            }
            ExchangeError::Invalid(_) | ExchangeError::Unusable(_) | ExchangeError::Unsendable(_) => {
                let detail = format!(
                    "{name} did not send a valid response. It may or may not have processed the request."
                );
                Problem::new(StatusCode::BAD_GATEWAY, "upstream-broken", detail)
            }
        };
        problem.caused_by(Failed { upstream: name, url: replica.url.clone(), source: error })
    }

    /// Ends an event stream when the gateway stops. The stream would never end otherwise, and its client
    /// reconnects.
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

/// Converts a client's request into the request to a service.
fn outgoing(request: Request<Bytes>, client: &Client) -> Outgoing {
    let mut request = request.map(Full::new);
    // A client that uses the gateway as a forward proxy sends the absolute form.
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    }
    headers::forward(request.headers_mut(), client);
    request
}

/// Whether a request without a response may go to another replica: if it was never sent, or if it is safe.
/// After a timeout, no time is left for another attempt.
fn may_be_repeated(is_safe: bool, error: &ExchangeError) -> bool {
    match error {
        ExchangeError::Unreachable(_) => true,
        ExchangeError::Invalid(_) | ExchangeError::Unusable(_) | ExchangeError::Unsendable(_) => is_safe,
        ExchangeError::TimedOut => false,
    }
}
