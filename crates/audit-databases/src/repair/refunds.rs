//! Cancels charges that no payment and no booking justifies.
//!
//! A refund cannot be undone, and a charge that looks orphaned may have lost its rows: if a database was
//! emptied, or restored from a backup by hand, every charge since then looks orphaned. So a repair cancels a
//! charge only if it is older than an hour, its booking is not live, its ticket was not collected, and book
//! has assigned all ids in the ledger; and a run cancels only a few charges. `marquee restore` knows what was
//! lost, and uses [`return_charges`].

use std::time::Duration;

use audit::{Kind, Report, Story};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use super::{Outcome, RepairError, Repaired};
use crate::databases::{Databases, Provider};
use crate::ledger::highest_booking;
use crate::stories::story;

/// Minimum age of a charge. Long before, payment and book have asked the provider about charges of their own.
const AGE: SignedDuration = SignedDuration::from_hours(1);
/// Maximum wait for a response of the provider.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of requests for one cancel, which is idempotent.
const ATTEMPTS: u32 = 10;
/// Pause between two requests.
const RETRY_PAUSE: Duration = Duration::from_millis(300);
/// The kinds of violations that a cancellation repairs.
const KINDS: [Kind; 2] = [Kind::ChargeOrphaned, Kind::RefundMissing];

/// Why a charge was not canceled.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("no response about {reference}")]
    NoResponse {
        reference: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the response about {reference} has status {status}")]
    Refused { reference: String, status: StatusCode },
}

/// Cancels the charges in `report`, at most `max` of them.
pub async fn refund(
    databases: &Databases,
    report: &Report,
    max: u32,
    outcome: &mut Outcome,
) -> Result<(), RepairError> {
    let (Some(provider), Some(ledger)) = (&databases.provider, report.ledger) else { return Ok(()) };
    let highest_booking = highest_booking(&databases.book).await?;
    let mut left = max;
    for finding in &report.findings {
        let kinds = finding.violations.iter().map(|violation| violation.kind);
        let Some(kind) = kinds.into_iter().find(|kind| KINDS.contains(kind)) else { continue };
        let story = story(databases, finding.story.booking_id).await?;
        if story.movements != finding.story.movements {
            continue; // The booking has changed, so the next audit checks it again.
        }
        let booking_id = story.booking_id;
        let reason = if highest_booking < ledger.highest_booking {
            let highest = ledger.highest_booking;
            Some(format!(
                "book has bookings up to {highest_booking}, but the ledger up to {highest}: was book restored by hand?"
            ))
        } else if left == 0 {
            Some(format!("this run has canceled {max} charges (--max-refunds)"))
        } else {
            reason_to_keep(&story, provider.db.now())
        };
        if let Some(what) = reason {
            outcome.left_alone.push(Repaired { booking_id, kind, what });
            continue;
        }
        for reference in kept_charges(&story) {
            cancel(provider, &reference).await?;
            left = left.saturating_sub(1);
            let what = format!("the provider canceled {reference}");
            outcome.repaired.push(Repaired { booking_id, kind, what });
        }
    }
    Ok(())
}

/// A charge that the provider refunded after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub booking_id: i64,
    pub reference: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    pub currency: String,
}

/// Cancels the charges without a payment or a booking, at most `max` of them, at the end of a restore. Their
/// age does not matter, because no booking is in flight, and the restore has raised the ids of book above
/// those in the ledger. Returns the canceled charges, and the number of charges left because of `max`.
///
/// # Errors
///
/// When a database or the provider fails. The next call continues.
pub async fn return_charges(
    databases: &Databases,
    report: &Report,
    max: usize,
) -> Result<(Vec<Returned>, usize), RepairError> {
    let Some(provider) = &databases.provider else { return Ok((Vec::new(), 0)) };
    let (mut returned, mut left) = (Vec::new(), 0);
    for finding in &report.findings {
        if !finding.violations.iter().any(|violation| KINDS.contains(&violation.kind)) {
            continue;
        }
        let story = story(databases, finding.story.booking_id).await?;
        if justification(&story).is_some() {
            continue;
        }
        for reference in kept_charges(&story) {
            if returned.len() >= max {
                left += 1;
                continue;
            }
            cancel(provider, &reference).await?;
            let charge = story.movements.iter().flatten().find(|row| row.reference == reference);
            let (amount, currency) = charge.map(|row| (row.amount, row.currency.clone())).unwrap_or_default();
            returned.push(Returned { booking_id: story.booking_id, reference, amount, currency });
        }
    }
    Ok((returned, left))
}

/// The reason for which the charges of `story` must be kept at `now`, if there is one.
fn reason_to_keep(story: &Story, now: Timestamp) -> Option<String> {
    let is_young = || {
        let before = now.checked_sub(AGE).unwrap_or(Timestamp::MIN).as_microsecond();
        let is_young =
            story.movements.iter().flatten().any(|row| row.created_at.is_none_or(|at| at > before));
        is_young.then(|| "it was charged or refunded less than an hour ago".to_owned())
    };
    justification(story).or_else(is_young)
}

/// What justifies the charges of `story`, if anything does.
fn justification(story: &Story) -> Option<String> {
    if story.is_live() || story.payment_is("Paid") {
        return Some(format!("the booking is {}", story.status()));
    }
    if story.ticket_is(&["Printing", "Printed"]) {
        return Some("the ticket was collected".to_owned());
    }
    None
}

/// The references with more charges than refunds.
fn kept_charges(story: &Story) -> Vec<String> {
    let rows = || story.movements.iter().flatten();
    let mut references: Vec<&String> = rows().map(|row| &row.reference).collect();
    references.sort_unstable();
    references.dedup();
    let count = |reference: &str, kind: &str| {
        rows().filter(|row| row.reference == reference && row.kind == kind).count()
    };
    let is_kept = |reference: &&String| count(reference, "charge") > count(reference, "refund");
    references.into_iter().filter(is_kept).cloned().collect()
}

impl RefundError {
    /// Whether the same request may succeed a moment later.
    fn is_transient(&self) -> bool {
        match self {
            Self::NoResponse { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }
}

async fn cancel(provider: &Provider, reference: &str) -> Result<(), RefundError> {
    let client = Client::builder().no_proxy().timeout(RESPONSE_TIMEOUT).build();
    let client =
        client.map_err(|source| RefundError::NoResponse { reference: reference.to_owned(), source })?;
    let mut outcome = try_cancel(&client, provider, reference).await;
    for _ in 1..ATTEMPTS {
        if !outcome.as_ref().is_err_and(RefundError::is_transient) {
            break;
        }
        sleep(RETRY_PAUSE).await;
        outcome = try_cancel(&client, provider, reference).await;
    }
    outcome
}

async fn try_cancel(client: &Client, provider: &Provider, reference: &str) -> Result<(), RefundError> {
    let failed = |source| RefundError::NoResponse { reference: reference.to_owned(), source };
    let url = format!("{}/v1/payments/{reference}/cancel", provider.url.trim_end_matches('/'));
    let response = client.post(url).send().await.map_err(failed)?;
    let status = response.status();
    let body: Value = response.json().await.unwrap_or_default();
    if status == StatusCode::OK && body["status"] == "canceled" {
        Ok(())
    } else {
        Err(RefundError::Refused { reference: reference.to_owned(), status })
    }
}
