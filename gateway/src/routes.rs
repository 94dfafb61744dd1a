//! Which path goes where; everything the gateway serves, put together.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use service_kit::health::{self, Health};
use service_kit::{api, overload, request_log};
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;

use crate::audit::Auditor;
use crate::config::{Config, UpstreamUrls};
use crate::docs;
use crate::proxy::{self, Upstream};
use crate::rate_limit::{self, RateLimit};

/// A service behind the gateway.
pub struct Entry {
    pub name: &'static str,
    /// First segments of the paths it serves.
    pub prefixes: &'static [&'static str],
    /// Where its description is shown.
    pub document: &'static str,
    pub urls: fn(&Config) -> &UpstreamUrls,
}

/// Payment's `/cancellations` is missing on purpose: only the fleet itself may refund.
pub const TABLE: [Entry; 5] = [
    Entry {
        name: "book",
        prefixes: &["/books", "/screenings"],
        document: "/api-docs/book/openapi.json",
        urls: |config| &config.book_url,
    },
    Entry {
        name: "payment",
        prefixes: &["/payments"],
        document: "/api-docs/payment/openapi.json",
        urls: |config| &config.payment_url,
    },
    Entry {
        name: "mypage",
        prefixes: &["/mypages"],
        document: "/api-docs/mypage/openapi.json",
        urls: |config| &config.mypage_url,
    },
    Entry {
        name: "ticket",
        prefixes: &["/tickets"],
        document: "/api-docs/ticket/openapi.json",
        urls: |config| &config.ticket_url,
    },
    Entry {
        name: "point",
        prefixes: &["/points"],
        document: "/api-docs/point/openapi.json",
        urls: |config| &config.point_url,
    },
];

/// Everything the gateway serves. `upstreams` are in the order of [`TABLE`].
///
/// The layers are those of `service_kit::api::wrap` without its content negotiation: what a service answered stays as
/// it is.
pub fn router(
    upstreams: &[Arc<Upstream>],
    auditor: Arc<Auditor>,
    cors: CorsLayer,
    rate_limit: Option<Arc<RateLimit>>,
    health: Health,
) -> Router {
    let (own, description) = docs::described(auditor);
    let own = own.with_state(upstreams.into());
    let rate_limit = rate_limit.map(|limit| from_fn_with_state(limit, rate_limit::layer));
    TABLE
        .iter()
        .zip(upstreams)
        .fold(own, |router, (entry, upstream)| router.merge(service(entry, upstream.clone())))
        .merge(docs::router(description))
        .merge(health::router(health))
        .fallback(api::unknown_path)
        .method_not_allowed_fallback(api::wrong_method)
        // All at once, outermost first: the router boxes what each call of `layer` adds.
        .layer((
            from_fn(request_log::layer),
            CatchPanicLayer::custom(api::panicked),
            cors,
            option_layer(rate_limit),
            from_fn(overload::layer),
        ))
}

/// One service's paths: each prefix as a whole segment, with or without more behind it.
fn service(entry: &Entry, upstream: Arc<Upstream>) -> Router {
    entry
        .prefixes
        .iter()
        .fold(Router::new(), |router, prefix| {
            router
                .route(prefix, any(proxy::forward))
                .route(&format!("{prefix}/"), any(proxy::forward))
                .route(&format!("{prefix}/{{*rest}}"), any(proxy::forward))
        })
        .route(entry.document, get(docs::document))
        .with_state(upstream)
}
