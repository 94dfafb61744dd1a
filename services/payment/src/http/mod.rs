//! Door 1: the book service, and who looks after the money.

use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

pub mod cancellations;
mod error;
pub mod messages;
pub mod payments;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "payment",
        description = "Payments: one per booking, taken once, and given back when the booking is canceled."
    ),
    components(schemas(problem::Body)),
    tags((name = "payments", description = "Pay, give back, look"))
)]
struct Description;

/// The service's routes, with their description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(payments::pay, payments::list))
        .routes(routes!(payments::inquire))
        .routes(routes!(payments::show))
        .routes(routes!(payments::find_by_booking_id))
        .routes(routes!(cancellations::cancel))
}
