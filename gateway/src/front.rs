//! The way of a request through the gateway.
//!
//! What is around every request is here and not in layers of the router: axum boxes the service and the future of each
//! layer, which for a request that is only passed on is most of the work.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::Method;
use service_kit::connections::{Answers, HeadLimits};
use service_kit::health::is_probe;
use service_kit::overload::Door;
use service_kit::{api, request_log};
use tokio::runtime::Handle;

use crate::bulkheads::{Bulkheads, body_limit};
use crate::cors::Cors;
use crate::loops::Loops;
use crate::proxy::Upstream;
use crate::rate_limit::RateLimit;
use crate::routes::{self, Target};

/// Everything the gateway serves.
pub struct Front {
    /// In the order of [`routes::TABLE`].
    pub upstreams: Arc<[Arc<Upstream>]>,
    /// What the gateway answers itself.
    pub own: Arc<Router>,
    pub bulkheads: Bulkheads,
    pub cors: Cors,
    pub rate_limit: Option<Arc<RateLimit>>,
    /// Where the connections live.
    pub loops: Loops,
}

impl Answers for Front {
    async fn answer(self: Arc<Self>, request: Request, peer: SocketAddr, door: Arc<Door>) -> Response {
        let target = routes::target(request.uri().path());
        let within_limits = |request| self.answer_within_limits(request, target, peer, &door);
        let answer = |request| or_panicked(self.cors.answer(request, within_limits));
        request_log::record(request, target.map(|target| target.route), answer).await
    }

    fn home(&self) -> Handle {
        self.loops.least_busy()
    }

    fn heads(&self) -> HeadLimits {
        HeadLimits::CLIENTS
    }
}

impl Front {
    async fn answer_within_limits(
        &self,
        request: Request,
        target: Option<Target>,
        peer: SocketAddr,
        door: &Arc<Door>,
    ) -> Response {
        if is_probe(request.uri().path()) {
            return self.own.clone().answer(request, peer, door.clone()).await;
        }
        if let Some(limit) = &self.rate_limit
            && let Err(too_often) = limit.check(peer.ip())
        {
            return too_often.into_response();
        }
        let path = request.uri().path();
        let limit = body_limit(request.method(), path);
        let bulkhead = self.bulkheads.of(path, target);
        // Held until the answer begins.
        let (request, _held) = match door.let_in_through(bulkhead, request, peer.ip(), limit).await {
            Ok(let_in) => let_in,
            Err(problem) => return problem.into_response(),
        };
        match target {
            // Nobody is tunneled to a service.
            Some(_) if request.method() == Method::CONNECT => {
                api::wrong_method(request.map(Body::from)).await.into_response()
            }
            Some(target) => self.upstreams[target.upstream].forward(request, peer.ip()).await,
            None => self.own.clone().answer(request.map(Body::from), peer, door.clone()).await,
        }
    }
}

/// 500 where `answer` panics.
fn or_panicked(answer: impl Future<Output = Response>) -> impl Future<Output = Response> {
    // Not an `async fn`, which would keep room for the future twice.
    AssertUnwindSafe(answer).catch_unwind().map(|ended| ended.unwrap_or_else(api::panicked))
}
