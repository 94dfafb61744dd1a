//! Door 1: customers. They only look.

use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;

pub mod messages;
pub mod mypages;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "mypage",
        description = "What customers see of their bookings: state, points, and how it came to be. A view, kept by events alone."
    ),
    components(schemas(problem::Body)),
    tags((name = "mypages", description = "Look"))
)]
struct Description;

/// The service's routes, with their description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(mypages::list))
        .routes(routes!(mypages::show))
        .routes(routes!(mypages::find_by_booking_id))
}
