//! Swagger UI, and the descriptions of the fleet and of each service.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use events::asyncapi::ASYNCAPI;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_api::problem::{self, Problem};
use http_api::request::REQUEST_ID;
use http_body_util::Full;
use telemetry::trace_context::TRACEPARENT;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi, Url};

use crate::audit::{self, Audits};
use crate::client::Client;
use crate::description::Fleet;
use crate::problems;
use crate::proxy::Upstream;
use crate::root;
use crate::status::{self, Overview};
use crate::table::TABLE;

/// The path of the description in every process of the fleet. The gateway's describes the whole fleet.
const OWN_DOCUMENT: &str = "/api-docs/openapi.json";
/// The path of the description of the events, in AsyncAPI.
const EVENTS_DOCUMENT: &str = "/api-docs/asyncapi.json";
/// The path of the fleet's description relative to a page in `/docs/`.
const FROM_DOCS: &str = "../api-docs/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Marquee",
        description = "Book a movie, pay, collect the ticket at the cinema, earn points, and see it all on one page. Every error is a problem (RFC 9457)."
    ),
    components(schemas(problem::Body)),
    tags((name = "fleet", description = "The fleet's documentation, state and audit"))
)]
struct Description;

/// Returns the routes that are in the gateway's description, and the description.
pub fn described(audits: Arc<Audits>) -> (Router<Overview>, OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(home))
        .merge(root::routes())
        .merge(problems::routes())
        .routes(routes!(status::status))
        .merge(audit::routes(audits))
        .split_for_parts()
}

/// Returns the routes of `/docs` and of the descriptions of the fleet and of its events.
pub fn router(description: OpenApi) -> Router {
    let fleet = Fleet::new(description);
    let services = TABLE.iter().map(|entry| Url::new(entry.name, entry.document.from_docs));
    let documents = [Url::new("all", FROM_DOCS)].into_iter().chain(services);
    // By default, Swagger UI sends each description to a validator on the internet.
    let config = Config::new(documents).validator_url("none");
    Router::from(SwaggerUi::new("/docs").config(config))
        .layer(from_fn(missing_asset))
        .merge(Router::new().route(OWN_DOCUMENT, get(whole)).with_state(fleet))
        .route(EVENTS_DOCUMENT, get(describe_events))
}

/// Responds with the description of the fleet, whose server is the address that the client uses.
async fn whole(State(fleet): State<Fleet>, Extension(client): Extension<Client>) -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], fleet.at(&client.base_url()))
}

/// Responds with the description of the events.
async fn describe_events() -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], ASYNCAPI)
}

/// Responds with the description that a service returns. The gateway builds the request for it from scratch:
/// of the client's headers, it carries only the request id and the trace, which
/// [`log`](http_server::request_log::log) has checked.
pub async fn document(State(upstream): State<Arc<Upstream>>, method: Method, headers: HeaderMap) -> Response {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static(OWN_DOCUMENT);
    *request.method_mut() = method;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    for name in [REQUEST_ID, HeaderName::from_static(TRACEPARENT)] {
        if let Some(value) = headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    upstream.send(request).await
}

/// Redirects to the documentation.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "openDocumentation",
    tag = "fleet",
    responses((status = SEE_OTHER, description = "The documentation is at `/docs`."))
)]
async fn home() -> Redirect {
    Redirect::to("/docs")
}

/// Responds with a problem to a request for an unknown asset, for which Swagger UI would return an empty 404.
async fn missing_asset(request: axum::extract::Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        let detail = format!("Nothing is served at {path}.");
        return Problem::new(StatusCode::NOT_FOUND, "not-found", detail).into_response();
    }
    response
}
