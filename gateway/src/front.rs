//! Handles a request, from the connection to the response.
//!
//! The steps around every request are function calls here and not layers of the router: axum boxes the
//! service and the future of each layer, which would be most of the work for a forwarded request.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use http::Method;
use http::header::{ALLOW, LOCATION, ORIGIN};
use http_api::fallback;
use http_api::problem::Problem;
use http_connections::{Answers, HeadLimits};
use http_server::Serves;
use http_server::hosts::AllowedHosts;
use http_server::overload::Door;
use http_server::probes::is_probe;
use http_server::request_log;
use http_server::request_span;
use tokio::runtime::Handle;

use crate::bulkheads::{Bulkheads, body_limit};
use crate::client::{Client, Clients};
use crate::cors::{self, Cors};
use crate::loops::Loops;
use crate::pages;
use crate::proxy::Upstream;
use crate::rate_limit::RateLimit;
use crate::table::{self, Target};

/// Everything the gateway serves.
pub struct Front {
    /// In the order of [`table::TABLE`].
    pub upstreams: Arc<[Arc<Upstream>]>,
    /// The gateway's own routes.
    pub own: Arc<Router>,
    pub bulkheads: Bulkheads,
    pub cors: Cors,
    pub clients: Clients,
    /// The allowed values of `Host`; `None` allows every host.
    pub hosts: Option<AllowedHosts>,
    pub rate_limit: Option<Arc<RateLimit>>,
    /// The event loops that run the connections.
    pub loops: Loops,
}

impl Answers<Door> for Front {
    async fn answer(self: Arc<Self>, request: Request, peer: SocketAddr, door: Arc<Door>) -> Response {
        let target = table::target(request.uri().path());
        // Boxed, because each future around it would contain it, and each of them is moved.
        let answer = |request| or_panicked(Box::pin(self.answer_page(request, target, peer, &door)));
        request_log::log(request, target.map(|target| target.route), request_span!(booking_id), answer).await
    }

    fn home(&self) -> Handle {
        self.loops.least_busy()
    }

    fn heads(&self) -> HeadLimits {
        HeadLimits::CLIENTS
    }
}

// The defaults apply: the gateway checks proxies and hosts itself, and a backup does not hold its requests.
impl Serves for Front {}

impl Front {
    /// Returns the response, with its CORS headers.
    async fn answer_page(
        &self,
        request: Request,
        target: Option<Target>,
        peer: SocketAddr,
        door: &Arc<Door>,
    ) -> Response {
        let origin = request.headers().get(ORIGIN).cloned();
        let mut answer = match self.admit(&request, peer) {
            Err(refused) => pages::with_security_headers(refused),
            Ok(_) if cors::is_preflight(request.method(), request.headers()) => {
                let methods = target.map_or(table::READING, |target| target.methods);
                return pages::with_security_headers(self.cors.preflight(request.headers(), methods));
            }
            Ok(client) => self.answer_within_limits(request, target, client, peer, door).await,
        };
        self.cors.mark(origin.as_ref(), answer.headers_mut());
        answer
    }

    /// Returns the client of `request`.
    ///
    /// # Errors
    ///
    /// 421 or 400 for its `Host`, 429 if the client has exceeded the rate limit.
    fn admit(&self, request: &Request, peer: SocketAddr) -> Result<Client, Problem> {
        let is_uncounted = is_uncounted(request.uri().path());
        if let Some(hosts) = self.hosts.as_ref().filter(|_| !is_uncounted) {
            hosts.check_host(request.uri(), request.headers())?;
        }
        let caller = self.clients.caller(peer.ip(), request.headers());
        if let Some(limit) = &self.rate_limit
            && !is_uncounted
        {
            limit.check(caller.address)?;
        }
        self.clients.client(caller, request)
    }

    async fn answer_within_limits(
        &self,
        request: Request,
        target: Option<Target>,
        client: Client,
        peer: SocketAddr,
        door: &Arc<Door>,
    ) -> Response {
        if is_probe(request.uri().path()) {
            return self.own.clone().answer(known(request, client), peer, door.clone()).await;
        }
        let path = request.uri().path();
        let limit = body_limit(request.method(), path);
        let bulkhead = self.bulkheads.of(path, target);
        let booking = target.and_then(|_| table::booking_of(path));
        // Held until the response begins.
        let (request, _held) = match door.admit_through(bulkhead, request, client.caller.address, limit).await
        {
            Ok(admitted) => admitted,
            Err(problem) => return pages::with_security_headers(problem),
        };
        match target {
            // A service is never tunneled to.
            Some(_) if request.method() == Method::CONNECT => {
                pages::with_security_headers(fallback::wrong_method(request.map(Body::from)).await)
            }
            // Only the fleet itself charges, refunds and grants points.
            Some(target) if target.is_read_only() && !request.method().is_safe() => {
                let refused = fallback::wrong_method(request.map(Body::from)).await;
                pages::with_security_headers(([(ALLOW, table::READING)], refused))
            }
            Some(target) => {
                let answer = self.upstreams[target.upstream].forward(request, &client).await;
                if let Some(id) = booking.or_else(|| created_booking(&answer)) {
                    request_log::record("booking_id", id);
                }
                answer
            }
            None => {
                let request = known(request.map(Body::from), client);
                self.own.clone().answer(request, peer, door.clone()).await
            }
        }
    }
}

/// Returns the id of the booking that a service has just created, from the `Location` of its response.
fn created_booking(answer: &Response) -> Option<i64> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    // It may be a URL, and begin with the prefix of a proxy.
    table::booking_of(&location[location.rfind("/books/")?..])
}

/// Returns `request` with its `client` in the extensions, for the gateway's own routes.
fn known(mut request: Request, client: Client) -> Request {
    request.extensions_mut().insert(client.caller.clone());
    request.extensions_mut().insert(client);
    request
}

/// Whether `path` is exempt from the rate limit and the allowed hosts, so that an orchestrator's probes
/// always get through. A scrape of `/metrics` is not exempt, because it costs as much as a request.
fn is_uncounted(path: &str) -> bool {
    is_probe(path) && path != "/metrics"
}

/// Returns the response of `answer`, or 500 if it panics.
fn or_panicked(answer: impl Future<Output = Response>) -> impl Future<Output = Response> {
    // Not an `async fn`, which would reserve the size of the future twice.
    AssertUnwindSafe(answer)
        .catch_unwind()
        .map(|ended| ended.unwrap_or_else(|panic| pages::with_security_headers(fallback::panicked(panic))))
}
