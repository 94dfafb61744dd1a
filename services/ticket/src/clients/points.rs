//! The point service: `POST /points`.

use std::time::Duration;

use events::{BookingId, CustomerId};
use http::StatusCode;
use reqwest::Url;
use serde::Serialize;
use service_kit::upstream::{CallError, Upstream};

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
    /// `deadline` bounds a whole call.
    pub fn new(base: Url, deadline: Duration) -> Self {
        Self { upstream: Upstream::new("point", base, deadline) }
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
        let answer = self.upstream.post("/points", &request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(()),
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }
}

/// What a call to [`Points::award`] means for the ticket.
pub fn weigh(answer: &Result<(), CallError>) -> AwardOutcome {
    match answer {
        Ok(()) => AwardOutcome::Granted,
        Err(CallError::NotSent { .. }) => AwardOutcome::NotReached,
        Err(_) => AwardOutcome::Unknown,
    }
}
