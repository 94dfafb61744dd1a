//! Reads tickets.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use events::TicketId;
use http_api::extract::{PathId, Query};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, Problem};
use http_server::request_log::record;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, filtered, refuse_filters};

use super::messages::{BookingQuery, CustomerQuery, Ticket, TicketList, TicketPage, TicketResource};
use crate::AppState;
use crate::store::tickets;

/// All tickets, or those of one customer, in the order of their bookings.
#[utoipa::path(
    get,
    path = "/tickets",
    operation_id = "listTickets",
    tag = "tickets",
    params(PageQuery, CustomerQuery),
    responses(
        (status = 200, description = "A page of tickets", body = TicketPage, content_type = "application/hal+json"),
        (status = 422, description = "An invalid page, after, size or customerId; or sort, projection or bookingId, which are not supported", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    RawQuery(sent): RawQuery,
    Query(query): Query<CustomerQuery>,
) -> Result<impl IntoResponse, Refusal> {
    // `search/findByBookingId` finds the ticket of a booking.
    refuse_filters(sent.as_deref(), &["bookingId"])?;
    let mut conn = state.db.read().await?;
    let found = tickets::page(&mut conn, query.customer_id, page.slice()).await?;
    let path = filtered("/tickets", "customerId", query.customer_id);
    Ok(Hal(Collection::new(&base, &path, page, &found, |ticket| Ticket::resource(&base, ticket))))
}

/// One ticket.
#[utoipa::path(
    get,
    path = "/tickets/{id}",
    operation_id = "showTicket",
    tag = "tickets",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The ticket's id, which is that of its booking")),
    responses(
        (status = 200, description = "The ticket", body = TicketResource, content_type = "application/hal+json"),
        (status = 404, description = "No such ticket", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<TicketId>,
) -> Result<impl IntoResponse, Refusal> {
    record("booking_id", id.get());
    let mut conn = state.db.read().await?;
    let ticket = tickets::find(&mut conn, id).await?;
    let ticket = ticket.ok_or_else(|| Problem::not_found("ticket", id))?;
    Ok(Hal(Ticket::resource(&base, &ticket)))
}

/// Finds the ticket of a booking. The list has one ticket or none.
#[utoipa::path(
    get,
    path = "/tickets/search/findByBookingId",
    operation_id = "findTicketsByBookingId",
    tag = "tickets",
    params(BookingQuery),
    responses(
        (status = 200, description = "The ticket, or an empty list", body = TicketList, content_type = "application/hal+json"),
        (status = 422, description = "An invalid or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn find_by_booking_id(
    State(state): State<AppState>,
    base: BaseUrl,
    Query(query): Query<BookingQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let booking_id = query.booking_id()?;
    record("booking_id", booking_id.get());
    let mut conn = state.db.read().await?;
    let found = tickets::find(&mut conn, booking_id.into()).await?;
    let tickets: Vec<_> = found.iter().map(|ticket| Ticket::resource(&base, ticket)).collect();
    let path = format!("/tickets/search/findByBookingId?bookingId={booking_id}");
    Ok(Hal(base.list(&path, tickets)))
}
