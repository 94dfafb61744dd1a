//! Door 1: customers, and staff.

use http::Method;
use service_kit::body::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use service_kit::problem;
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
        description = "Bookings: from the customer's wish through payment to the ticket, and back when it is canceled."
    ),
    components(schemas(problem::Body)),
    tags(
        (name = "books", description = "Book, pay, look, cancel"),
        (name = "screenings", description = "The programme, and who has which seat"),
    )
)]
struct Description;

/// The service's routes, with their description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(books::book, books::list))
        .routes(routes!(books::show, cancel::delete, cancel::patch))
        .routes(routes!(books::pay))
        .routes(routes!(screenings::announce, screenings::list))
        .routes(routes!(screenings::show))
        .routes(routes!(screenings::seats))
}

/// The largest body for a method and a path: staff send whole halls. The gateway has the same rule.
pub fn body_limit(method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/screenings") => LARGE_BODY_LIMIT_BYTES,
        _ => BODY_LIMIT_BYTES,
    }
}
