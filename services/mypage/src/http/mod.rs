//! HTTP: requests of customers, which only read.

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
        description = "The customers' view of their bookings: state, points, and history. The view follows a change within moments."
    ),
    components(schemas(problem::Body)),
    tags((name = "mypages", description = "Read"))
)]
struct Description;

/// The service's routes, with their OpenAPI description.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(mypages::list))
        .routes(routes!(mypages::show))
        .routes(routes!(mypages::find_by_booking_id))
}
