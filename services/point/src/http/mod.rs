//! HTTP: requests of the ticket service and of customers.

use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

pub mod messages;
pub mod points;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "point",
        description = "Points: an append-only ledger; a customer's balance is the sum of their rows."
    ),
    components(schemas(problem::Body)),
    tags((name = "points", description = "Grant, read, sum up"))
)]
struct Description;

/// The service's routes, with their OpenAPI description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(points::grant, points::list))
        .routes(routes!(points::show))
        .routes(routes!(points::find_by_booking_id))
        .routes(routes!(points::balance))
}
