//! Door 1: customers, and staff.

use service_kit::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

pub mod books;
pub mod cancel;
mod error;
pub mod messages;
pub mod screening_messages;
pub mod screenings;
mod wait;

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
