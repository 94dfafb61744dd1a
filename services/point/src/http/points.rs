//! Grants points, reads the ledger and sums it up.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use events::PointId;
use http::StatusCode;
use http_api::extract::{Json, PathId, Query};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, Problem};
use http_server::request_log::record;
use process::crash;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, filtered, refuse_filters};

use super::messages::{
    Balance, BookingQuery, CustomerQuery, LedgerQuery, Point, PointList, PointPage, PointRequest,
    PointResource,
};
use crate::AppState;
use crate::app::{Outcome, grant_points};
use crate::store::points;

/// Grants a booking's points, once. Only the ticket service may call this.
///
/// A repeated request returns the existing row.
#[utoipa::path(
    post,
    path = "/points",
    operation_id = "grantPoints",
    tag = "points",
    request_body = PointRequest,
    responses(
        (status = 201, description = "Granted", body = PointResource, content_type = "application/hal+json"),
        (status = 200, description = "Already granted", body = PointResource, content_type = "application/hal+json"),
        (status = 422, description = "Invalid fields", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn grant(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<PointRequest>,
) -> Result<Response, Refusal> {
    let grant = request.into_grant()?;
    record("booking_id", grant.booking_id.get());

    let mut tx = state.db.begin().await?;
    let outcome = grant_points(&mut tx, grant).await?;
    tx.commit().await?;
    crash::point("point.granted");

    Ok(match outcome {
        Outcome::Created(entry) => Point::resource(&base, &entry).located(StatusCode::CREATED),
        Outcome::Existing(entry) => Hal(Point::resource(&base, &entry)).into_response(),
    })
}

/// All rows of the ledger, or those of one customer, oldest first.
#[utoipa::path(
    get,
    path = "/points",
    operation_id = "listPoints",
    tag = "points",
    params(PageQuery, LedgerQuery),
    responses(
        (status = 200, description = "A page of rows", body = PointPage, content_type = "application/hal+json"),
        (status = 422, description = "An invalid page, after, size or customerId; or sort, projection or bookingId, which are not supported", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    RawQuery(sent): RawQuery,
    Query(query): Query<LedgerQuery>,
) -> Result<impl IntoResponse, Refusal> {
    // `search/findByBookingId` finds the rows of a booking.
    refuse_filters(sent.as_deref(), &["bookingId"])?;
    let mut conn = state.db.read().await?;
    let found = points::page(&mut conn, query.customer_id, page.slice()).await?;
    let path = filtered("/points", "customerId", query.customer_id);
    Ok(Hal(Collection::new(&base, &path, page, &found, |entry| Point::resource(&base, entry))))
}

/// One row of the ledger.
#[utoipa::path(
    get,
    path = "/points/{id}",
    operation_id = "showPoint",
    tag = "points",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The row's id")),
    responses(
        (status = 200, description = "The row", body = PointResource, content_type = "application/hal+json"),
        (status = 404, description = "No such row", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<PointId>,
) -> Result<impl IntoResponse, Refusal> {
    let mut conn = state.db.read().await?;
    let entry = points::find(&mut conn, id).await?;
    let entry = entry.ok_or_else(|| Problem::not_found("point entry", id))?;
    record("booking_id", entry.posting().booking_id.get());
    Ok(Hal(Point::resource(&base, &entry)))
}

/// Finds the rows of a booking, oldest first: the waiting row and the one that grants its points.
#[utoipa::path(
    get,
    path = "/points/search/findByBookingId",
    operation_id = "findPointsByBookingId",
    tag = "points",
    params(BookingQuery),
    responses(
        (status = 200, description = "The rows, or an empty list", body = PointList, content_type = "application/hal+json"),
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
    let found = points::list_of(&mut conn, booking_id).await?;
    let entries = found.iter().map(|entry| Point::resource(&base, entry)).collect();
    let path = format!("/points/search/findByBookingId?bookingId={booking_id}");
    Ok(Hal(base.list(&path, entries)))
}

/// A customer's balance of points; 0 without any rows.
#[utoipa::path(
    get,
    path = "/points/balance",
    operation_id = "showBalance",
    tag = "points",
    params(CustomerQuery),
    responses(
        (status = 200, description = "The sum of the customer's rows", body = Balance, content_type = "application/hal+json"),
        (status = 422, description = "An invalid or missing customerId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn balance(
    State(state): State<AppState>,
    Query(query): Query<CustomerQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let customer_id = query.customer_id()?;
    let mut conn = state.db.read().await?;
    let balance = points::balance(&mut conn, customer_id).await?;
    Ok(Hal(Balance { customer_id, balance }))
}
