//! Door 1: the ticket service and customers.

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
        description = "Points: a ledger that rows are only added to; a balance is their sum."
    ),
    components(schemas(problem::Body)),
    tags((name = "points", description = "Grant, look, sum up"))
)]
struct Description;

/// The service's routes, with their description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(points::grant, points::list))
        .routes(routes!(points::show))
        .routes(routes!(points::find_by_booking_id))
        .routes(routes!(points::balance))
}
