//! HTTP: requests of customers.

use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

pub mod collect;
mod error;
pub mod messages;
pub mod tickets;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ticket",
        description = "Tickets: created when a booking is paid, collected at the cinema, void when the booking is canceled first."
    ),
    components(schemas(problem::Body)),
    tags((name = "tickets", description = "Read, collect"))
)]
struct Description;

/// The service's routes, with their OpenAPI description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(tickets::list))
        .routes(routes!(tickets::show, collect::collect))
        .routes(routes!(tickets::find_by_booking_id))
}
