//! `GET /v1/ledger`.

use axum::Json;
use axum::extract::State;
use http_api::extract::Query;
use http_api::problem;
use service::Refusal;

use super::messages::{LedgerBody, LedgerQuery, MovementBody};
use crate::AppState;
use crate::store::ledger;

/// Lists the movements of money, oldest first.
///
/// A reader that continues after its last number misses no movement.
#[utoipa::path(
    get,
    path = "/v1/ledger",
    operation_id = "listMovements",
    tag = "ledger",
    params(LedgerQuery),
    responses(
        (status = 200, description = "The first movements after the number `after`", body = LedgerBody),
        (status = 422, description = "An invalid parameter", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<LedgerQuery>,
) -> Result<Json<LedgerBody>, Refusal> {
    let (after, size) = query.range()?;
    let mut conn = state.db.read().await?;
    // It is read before the movements, so that no page seems to be the last one by mistake.
    let highest_seq = ledger::highest_seq(&mut conn).await?;
    let movements = ledger::list(&mut conn, after, size).await?;
    Ok(Json(LedgerBody { movements: movements.into_iter().map(MovementBody::from).collect(), highest_seq }))
}
