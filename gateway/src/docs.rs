//! Swagger UI over the services' own descriptions, and the gateway's.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, Method, StatusCode, Uri};
use service_kit::api;
use service_kit::problem::Problem;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use crate::audit::{self, Auditor};
use crate::proxy::Upstream;
use crate::routes::TABLE;
use crate::status;

/// Where every process of the fleet describes itself.
const OWN_DOCUMENT: &str = "/api-docs/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "gateway",
    description = "The fleet's front door. The services' own routes are described by the services: see `/docs`."
))]
struct Description;

/// The routes that the description is about, and the description.
pub fn described(auditor: Arc<Auditor>) -> (Router<Arc<[Arc<Upstream>]>>, OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(home))
        .routes(routes!(status::status))
        .merge(audit::routes(auditor))
        .split_for_parts()
}

/// `/docs` and the gateway's own description.
pub fn router(description: OpenApi) -> Router {
    let document = api::document(&description);
    let documents = TABLE.iter().map(|entry| Url::new(entry.name, entry.document));
    // A validator on the internet is none of this fleet's business.
    let config = Config::new(documents).validator_url("none");
    Router::from(SwaggerUi::new("/docs").config(config))
        .layer(from_fn(missing_asset))
        .route(OWN_DOCUMENT, get(|| async { document }))
}

/// A service's description, as the service gives it.
pub async fn document(
    State(upstream): State<Arc<Upstream>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut request = http::Request::new(Bytes::new());
    *request.uri_mut() = Uri::from_static(OWN_DOCUMENT);
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    upstream.forward(request, peer.ip()).await
}

/// The entry page.
#[utoipa::path(get, path = "/", responses((status = SEE_OTHER, description = "The documentation is at `/docs`.")))]
async fn home() -> Redirect {
    Redirect::to("/docs")
}

/// Swagger UI answers an unknown asset with an empty 404.
async fn missing_asset(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        let detail = format!("Nothing is served at {path}.");
        return Problem::new(StatusCode::NOT_FOUND, "not-found", detail).into_response();
    }
    response
}
