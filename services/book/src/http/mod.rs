//! HTTP: requests of customers and staff.

use http::Method;
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

mod answer;
pub mod books;
pub mod cancel;
mod error;
pub mod messages;
pub mod screening_messages;
pub mod screenings;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "book",
        description = "Bookings: from the customer's order through payment to the ticket, and back when one is canceled."
    ),
    components(schemas(problem::Body)),
    tags(
        (name = "books", description = "Book, pay, read, cancel"),
        (name = "screenings", description = "The program, and the state of every seat"),
    )
)]
struct Description;

/// The service's routes, with their OpenAPI description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(books::book, books::list))
        .routes(routes!(books::show, cancel::delete, cancel::patch))
        .routes(routes!(books::pay))
        .routes(routes!(screenings::announce, screenings::list))
        .routes(routes!(screenings::show))
        .routes(routes!(screenings::seats))
}

/// The maximum body size for a method and a path: an announcement contains a whole hall. The gateway has the
/// same rule.
pub fn body_limit(method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/screenings") => LARGE_BODY_LIMIT_BYTES,
        _ => BODY_LIMIT_BYTES,
    }
}
