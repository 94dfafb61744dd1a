//! The point service: `POST /points`.

use events::{BookingId, CustomerId};
use http::StatusCode;
use serde::Serialize;
use upstream::{CallError, Settings, Upstream};

use crate::domain::{AwardOutcome, Ticket};

/// What collecting a ticket is worth.
const SCORE: i64 = 100;

/// Asks for points.
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

    /// The service behind it, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Has the points of `ticket` granted. Asking twice grants them once: points are one per booking.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
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

/// What a call to [`Points::award`] means for the ticket.
pub fn outcome_of(answer: &Result<(), CallError>) -> AwardOutcome {
    match answer {
        Ok(()) => AwardOutcome::Granted,
        Err(failure) if failure.was_never_sent() => AwardOutcome::NotReached,
        Err(_) => AwardOutcome::Unknown,
    }
}
