//! HTTP: charges and cancellations of the callers, and the ledger for the audit.

use axum::middleware::from_fn_with_state;
use http_api::problem;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;
use crate::sandbox::Faults;

mod error;
mod faults;
pub mod ledger;
pub mod messages;
pub mod payments;
mod turns;

pub use turns::Turns;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "processor",
        description = "The sandbox payment provider. It charges and refunds, moves no real money, and keeps a ledger of both."
    ),
    components(schemas(problem::Body)),
    tags(
        (name = "payments", description = "Charge, cancel, read"),
        (name = "ledger", description = "All movements of money")
    )
)]
struct Description;

/// The service's routes, with their OpenAPI description. Responses about payments fail as often as `faults`
/// says.
pub fn routes(faults: Faults) -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(payments::charge, payments::show))
        .routes(routes!(payments::cancel))
        .layer(from_fn_with_state(faults, faults::layer))
        .routes(routes!(ledger::list))
}
