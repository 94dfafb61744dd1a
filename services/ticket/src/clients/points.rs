//! The point service: `POST /points`.

use events::{BookingId, CustomerId};
use http::StatusCode;
use serde::Serialize;
use upstream::{CallError, Settings, Upstream};

use crate::domain::{AwardOutcome, Ticket};

/// The points for a collected ticket.
const SCORE: i64 = 100;

/// A client for the point service.
#[derive(Clone, Debug)]
pub struct Points {
    upstream: Upstream,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PointRequest<'t> {
    booking_id: BookingId,
    score: i64,
    customer_id: Option<CustomerId>,
    contents: Option<&'t str>,
    status: &'static str,
}

impl Points {
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self { upstream: Upstream::new("point", settings.into()) }
    }

    /// The upstream that it calls, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Requests the points of `ticket`. Repeating the request grants nothing more, because points are granted
    /// once per booking.
    ///
    /// # Errors
    ///
    /// When there is no response, or an unexpected one.
    pub async fn award(&self, ticket: &Ticket) -> Result<(), CallError> {
        let row = ticket.row();
        let request = PointRequest {
            booking_id: row.booking_id,
            score: SCORE,
            customer_id: row.customer_id,
            contents: row.movie_name.as_deref(),
            status: "Pointed",
        };
        let key = format!("booking-{}", row.booking_id);
        let answer = self.upstream.post("/points", &key, &request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(()),
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }
}

/// The outcome of a call to [`Points::award`].
pub fn outcome_of(answer: &Result<(), CallError>) -> AwardOutcome {
    match answer {
        Ok(()) => AwardOutcome::Granted,
        Err(failure) if failure.was_never_sent() => AwardOutcome::NotReached,
        Err(_) => AwardOutcome::Unknown,
    }
}
