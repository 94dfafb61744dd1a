//! Reads bookings with their timelines.

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use events::BookingId;
use http_api::extract::{PathId, Query};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, Problem};
use http_server::request_log::record;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, filtered, refuse_filters};

use super::messages::{BookingQuery, CustomerQuery, Mypage, MypageList, MypagePage, MypageResource};
use crate::AppState;
use crate::store::stories;

/// All bookings, or those of one customer, oldest first.
#[utoipa::path(
    get,
    path = "/mypages",
    operation_id = "listMypages",
    tag = "mypages",
    params(PageQuery, CustomerQuery),
    responses(
        (status = 200, description = "A page of bookings", body = MypagePage, content_type = "application/hal+json"),
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
    // `search/findByBookingId` finds a single booking.
    refuse_filters(sent.as_deref(), &["bookingId"])?;
    let mut conn = state.db.read().await?;
    let found = stories::page(&mut conn, query.customer_id, page.slice()).await?;
    let path = filtered("/mypages", "customerId", query.customer_id);
    Ok(Hal(Collection::new(&base, &path, page, &found, |story| Mypage::resource(&base, story))))
}

/// One booking.
#[utoipa::path(
    get,
    path = "/mypages/{id}",
    operation_id = "showMypage",
    tag = "mypages",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The booking's id")),
    responses(
        (status = 200, description = "The booking", body = MypageResource, content_type = "application/hal+json"),
        (status = 404, description = "No such booking, or it is not shown yet", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
) -> Result<impl IntoResponse, Refusal> {
    record("booking_id", id.get());
    let mut conn = state.db.read().await?;
    let story = stories::find(&mut conn, id).await?;
    let story = story.ok_or_else(|| Problem::not_found("booking", id))?;
    Ok(Hal(Mypage::resource(&base, &story)))
}

/// Finds a booking. The list has one booking or none.
#[utoipa::path(
    get,
    path = "/mypages/search/findByBookingId",
    operation_id = "findMypagesByBookingId",
    tag = "mypages",
    params(BookingQuery),
    responses(
        (status = 200, description = "The booking, or an empty list", body = MypageList, content_type = "application/hal+json"),
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
    let found = stories::find(&mut conn, booking_id).await?;
    let mypages: Vec<_> = found.iter().map(|story| Mypage::resource(&base, story)).collect();
    let path = format!("/mypages/search/findByBookingId?bookingId={booking_id}");
    Ok(Hal(base.list(&path, mypages)))
}
