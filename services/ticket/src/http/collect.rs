//! Collects a ticket: first the points, then the ticket.

use axum::extract::State;
use axum::response::IntoResponse;
use events::TicketId;
use http_api::extract::{Json, PathId};
use http_api::hal::{BaseUrl, Hal, Resource};
use http_api::problem;
use http_server::request_log::record;
use process::crash;
use service::Refusal;
use upstream::CallError;

use super::error::{not_recorded, points_unavailable, ticket_canceled};
use super::messages::{Ticket, TicketPatch, TicketResource};
use crate::AppState;
use crate::app::{CollectError, begin_collecting, settle_collecting};
use crate::clients::outcome_of;
use crate::domain::{self, AwardOutcome, Status};

/// Collects a ticket.
///
/// The customer gets the booking's points, once. A repeated request gets the same response.
#[utoipa::path(
    patch,
    path = "/tickets/{id}",
    operation_id = "collectTicket",
    tag = "tickets",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The ticket's id, which is that of its booking")),
    request_body = TicketPatch,
    responses(
        (status = 200, description = "Collected, now or earlier", body = TicketResource, content_type = "application/hal+json"),
        (status = 404, description = "No such ticket", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The ticket is void", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A status other than Printed", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Points cannot be granted now; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = 504, description = "The points may have been granted, but the database did not record the outcome; send the same request again to find out", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn collect(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<TicketId>,
    Json(patch): Json<TicketPatch>,
) -> Result<impl IntoResponse, Refusal> {
    patch.check()?;
    record("booking_id", id.get());

    // No database connection is held while the points are requested, so these are two transactions. A crash
    // between them leaves a `Printing` ticket, which the reconciler finishes.
    let mut tx = state.db.begin().await?;
    let ticket = begin_collecting(&mut tx, id).await?;
    tx.commit().await?;
    crash::point("ticket.begun");
    if ticket.status() == Status::Printed {
        return respond(&base, &ticket, None);
    }

    let answer = state.points.award(&ticket).await;
    crash::point("ticket.awarded");

    let ticket = settle(&state, id, outcome_of(&answer)).await.map_err(not_recorded)?;
    crash::point("ticket.settled");

    respond(&base, &ticket, answer.err())
}

async fn settle(
    state: &AppState,
    id: TicketId,
    outcome: AwardOutcome,
) -> Result<domain::Ticket, CollectError> {
    let mut tx = state.db.begin().await?;
    let ticket = settle_collecting(&mut tx, id, outcome).await?;
    tx.commit().await?;
    Ok(ticket)
}

/// The response depends on the ticket's present state.
fn respond(
    base: &BaseUrl,
    ticket: &domain::Ticket,
    failure: Option<CallError>,
) -> Result<Hal<Resource<Ticket>>, Refusal> {
    match ticket.status() {
        Status::Printed => Ok(Hal(Ticket::resource(base, ticket))),
        Status::Canceled => Err(ticket_canceled().into()),
        Status::Waiting | Status::Printing => Err(points_unavailable(failure).into()),
    }
}
