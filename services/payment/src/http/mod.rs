//! HTTP: requests of the book service and of operators.

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
        description = "Payments: one per booking, charged once, and refunded when the booking is canceled."
    ),
    components(schemas(problem::Body)),
    tags((name = "payments", description = "Pay, cancel, inquire, read"))
)]
struct Description;

/// The service's routes, with their OpenAPI description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(payments::pay, payments::list))
        .routes(routes!(payments::inquire))
        .routes(routes!(payments::show))
        .routes(routes!(payments::find_by_booking_id))
        .routes(routes!(cancellations::cancel))
}
