//! The program: staff announce screenings, and customers read them and their seats.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::ScreeningId;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_api::accept;
use http_api::extract::{Json, PathId, Query};
use http_api::hal::{BaseUrl, Hal, Representation};
use http_api::problem::{self, FieldError, Problem};
use http_api::proxies::Caller;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest};

use super::screening_messages::{
    ProgramQuery, Screening, ScreeningPage, ScreeningRequest, ScreeningResource, SeatMap, SeatMapResource,
};
use crate::AppState;
use crate::app::create_screening;
use crate::domain::Seat;
use crate::store::screenings::{self, Listed, SeatState};

/// Announces a screening: a hall with seats and their prices, or a number of places with one price.
#[utoipa::path(
    post,
    path = "/screenings",
    operation_id = "announceScreening",
    tag = "screenings",
    params(("X-Staff-Token" = String, Header, description = "The token of the staff")),
    request_body = ScreeningRequest,
    responses(
        (status = 201, description = "Announced", body = ScreeningResource, content_type = "application/hal+json"),
        (status = 403, description = "Not staff", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "Another screening is in that hall at that time, or too little time before or after it; `screeningId` is its id", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "An invalid field", body = problem::Body, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from one address; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn announce(
    State(state): State<AppState>,
    base: BaseUrl,
    caller: Caller,
    headers: HeaderMap,
    Json(request): Json<ScreeningRequest>,
) -> Result<Response, Refusal> {
    state.staff.check(&caller, &headers)?;
    let hall = request.hall_as_text();
    let announcement = request.into_announcement()?;

    let mut tx = state.db.begin().await?;
    let screening = create_screening(&mut tx, &announcement, hall, &state.rules).await?;
    tx.commit().await?;
    Ok(Screening::resource(&base, &screening).located(StatusCode::CREATED))
}

/// The program by start: all screenings, or those of a movie or a day.
#[utoipa::path(
    get,
    path = "/screenings",
    operation_id = "listScreenings",
    tag = "screenings",
    params(PageQuery, ProgramQuery),
    responses(
        (status = 200, description = "A page of screenings", body = ScreeningPage, content_type = "application/hal+json"),
        (status = 422, description = "An invalid page, after, size, movieName or day; or sort or projection", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    Query(query): Query<ProgramQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let filter = query.filter()?;
    let mut conn = state.db.read().await?;
    let found = screenings::page(&mut conn, &filter, page.slice()).await?;
    let found = found.ok_or_else(|| {
        Problem::invalid_fields(vec![FieldError::new("after", "must be the id of a screening")])
    })?;
    let resource = |screening: &Listed| Screening::resource(&base, screening);
    Ok(Hal(Collection::new(&base, &query.path(), page, &found, resource)))
}

/// One screening.
#[utoipa::path(
    get,
    path = "/screenings/{id}",
    operation_id = "showScreening",
    tag = "screenings",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The screening's id")),
    responses(
        (status = 200, description = "The screening", body = ScreeningResource, content_type = "application/hal+json"),
        (status = 404, description = "No such screening", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<ScreeningId>,
) -> Result<impl IntoResponse, Refusal> {
    let screening = find(&state, id).await?;
    Ok(Hal(Screening::resource(&base, &screening)))
}

/// All seats of a screening, their prices, and which are available. Polling is cheap: send the `ETag` of the
/// last response as `If-None-Match`.
#[utoipa::path(
    get,
    path = "/screenings/{id}/seats",
    operation_id = "showSeats",
    tag = "screenings",
    params(
        ("id" = i64, Path, minimum = 1, example = 1, description = "The screening's id"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of an earlier response"),
    ),
    responses(
        (status = 200, description = "The seats, row by row; none in general admission", body = SeatMapResource, content_type = "application/hal+json"),
        (status = 304, description = "Not changed"),
        (status = 404, description = "No such screening", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn seats(
    State(state): State<AppState>,
    base: BaseUrl,
    representation: Representation,
    PathId(id): PathId<ScreeningId>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let screening = find(&state, id).await?;
    let seats = screenings::seats(&mut state.db.read().await?, id).await?;
    let tag = representation.entity_tag(&fingerprint(&screening, &seats));
    let mut response = if accept::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Hal(SeatMap::resource(&base, &screening, &seats)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("a quoted number is a header"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

async fn find(state: &AppState, id: ScreeningId) -> Result<Listed, Refusal> {
    let screening = screenings::find_listed(&mut state.db.read().await?, id).await?;
    Ok(screening.ok_or_else(|| Problem::not_found("screening", id))?)
}

/// A hash that changes with the state of any seat.
fn fingerprint(screening: &Listed, seats: &[(Seat, SeatState)]) -> String {
    let mut hasher = DefaultHasher::new();
    screening.places_left.hash(&mut hasher);
    for (seat, state) in seats {
        (&seat.name, seat.price.get(), state).hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
