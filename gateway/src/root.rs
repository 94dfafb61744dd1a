//! `/api`: the API's root, whose links lead to everything that clients may use.

use std::collections::BTreeMap;

use axum::Extension;
use axum::middleware::from_fn;
use http_api::hal::{self, Hal};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::client::Client;

/// Relations, and their paths as URI templates (RFC 6570).
const LINKS: [(&str, &str); 26] = [
    ("self", "/api"),
    ("books", "/books{?page,size,after,customerId}"),
    ("book", "/books/{id}"),
    ("screenings", "/screenings{?movieName,day,page,size,after}"),
    ("screening", "/screenings/{id}"),
    ("seats", "/screenings/{id}/seats"),
    ("payments", "/payments{?page,size,after}"),
    ("payment", "/payments/{id}"),
    ("paymentsOfBooking", "/payments/search/findByBookingId{?bookingId}"),
    ("tickets", "/tickets{?page,size,after,customerId}"),
    ("ticket", "/tickets/{id}"),
    ("ticketsOfBooking", "/tickets/search/findByBookingId{?bookingId}"),
    ("points", "/points{?page,size,after,customerId}"),
    ("point", "/points/{id}"),
    ("pointsOfBooking", "/points/search/findByBookingId{?bookingId}"),
    ("balance", "/points/balance{?customerId}"),
    ("mypages", "/mypages{?page,size,after,customerId}"),
    ("mypage", "/mypages/{id}"),
    ("mypagesOfBooking", "/mypages/search/findByBookingId{?bookingId}"),
    ("problems", "/problems"),
    ("problem", "/problems/{slug}"),
    ("docs", "/docs"),
    ("openapi", "/api-docs/openapi.json"),
    ("asyncapi", "/api-docs/asyncapi.json"),
    ("openapiOfService", "/api-docs/{service}/openapi.json"),
    ("status", "/status"),
];

/// The API's root.
#[derive(Debug, Serialize, ToSchema)]
struct Root {
    /// By relation: a collection by its plural, an entity by its singular.
    #[serde(rename = "_links")]
    links: BTreeMap<&'static str, RootLink>,
}

/// A link of the root, which may be a template.
#[derive(Debug, Serialize, ToSchema)]
struct RootLink {
    #[schema(example = "http://localhost:8088/books{?page,size,after,customerId}")]
    href: String,
    /// Whether `href` is a URI template (RFC 6570); omitted if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    templated: bool,
}

/// Returns the route and its description.
pub fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(api_root)).layer(from_fn(hal::negotiate))
}

/// Links to all collections and entities, to the documentation and to the state of the fleet.
#[utoipa::path(
    get,
    path = "/api",
    operation_id = "showLinks",
    tag = "fleet",
    responses((status = OK, description = "The links, some of them templates", body = Root, content_type = "application/hal+json"))
)]
async fn api_root(Extension(client): Extension<Client>) -> Hal<Root> {
    let link = |path: &str| RootLink { href: client.link(path).href, templated: path.contains('{') };
    Hal(Root { links: LINKS.iter().map(|&(relation, path)| (relation, link(path))).collect() })
}
