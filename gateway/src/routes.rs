//! The gateway's own routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use http_api::fallback;
use http_server::health::{self, Health};
use http_server::request_log;

use crate::audit::Audits;
use crate::status::Overview;
use crate::table::TABLE;
use crate::{docs, pages};

/// Returns the gateway's own routes. The services of `overview` are in the order of [`TABLE`].
pub fn own(overview: Overview, audits: Arc<Audits>, health: Health) -> Router {
    let (own, description) = docs::described(audits);
    let upstreams = overview.upstreams.clone();
    TABLE
        .iter()
        .zip(upstreams.iter())
        .fold(own.with_state(overview), |router, (entry, upstream)| {
            let document = Router::new().route(entry.document.path, get(docs::document));
            router.merge(document.with_state(upstream.clone()))
        })
        .merge(docs::router(description))
        .merge(health::router(health))
        .fallback(fallback::unknown_path)
        .method_not_allowed_fallback(fallback::wrong_method)
        .layer((from_fn(pages::layer), from_fn(request_log::report_route)))
}
