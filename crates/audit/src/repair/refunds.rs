//! Cancels charges that the provider keeps and nothing stands for.
//!
//! A refund cannot be taken back, and what looks orphaned may be a charge whose rows were lost: a database that was restored
//! from a backup by hand, or emptied, makes every charge since then look so. So there are four conditions: the charge is older
//! than an hour, the booking does not live and its ticket was not collected, book has given out at least as many ids as the
//! ledger knows, and a run cancels a few charges only. `marquee restore` knows what was lost, and has [`return_charges`].

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use super::{Outcome, RepairError, Repaired};
use crate::databases::{Databases, Provider, highest_booking, story};
use crate::kind::Kind;
use crate::report::Report;
use crate::story::Story;

/// How old a charge is before it is canceled: payment and book have asked about their own long before.
const AGE: SignedDuration = SignedDuration::from_hours(1);
/// Longest wait for the provider's answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests for one cancel at most. It is done once, however often it is asked for.
const ATTEMPTS: u32 = 10;
/// Between two of them.
const RETRY_PAUSE: Duration = Duration::from_millis(300);
/// What a repair of these kinds does, for a person.
const KINDS: [Kind; 2] = [Kind::ChargeOrphaned, Kind::RefundMissing];

/// Why a charge was not canceled.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("no answer about {reference}")]
    NoAnswer {
        reference: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the answer about {reference} is {status}")]
    Refused { reference: String, status: StatusCode },
}

/// Cancels what `report` found, at most `max` charges.
///
/// # Errors
///
/// When a database or the provider fails.
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
            continue; // Something happened to it: the next audit reports what came of it.
        }
        let booking_id = story.booking_id;
        let reason = if highest_booking < ledger.highest_booking {
            let highest = ledger.highest_booking;
            Some(format!(
                "book knows bookings up to {highest_booking}, and the ledger up to {highest}: was book restored by hand?"
            ))
        } else if left == 0 {
            Some(format!("{max} charges were canceled in this run (--max-refunds)"))
        } else {
            reason_against(&story)
        };
        if let Some(what) = reason {
            outcome.left_alone.push(Repaired { booking_id, kind, what });
            continue;
        }
        for reference in standing(&story) {
            cancel(provider, &reference).await?;
            left = left.saturating_sub(1);
            let what = format!("the provider has canceled {reference}");
            outcome.repaired.push(Repaired { booking_id, kind, what });
        }
    }
    Ok(())
}

/// A charge that the provider gave back after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    pub booking_id: i64,
    pub reference: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    pub currency: String,
}

/// Cancels the charges that nothing stands for in databases that were restored a moment ago, at most `max`. Their age does not
/// matter, because no booking is under way; and the restore has raised the ids of book above those of the ledger. Returns what
/// was canceled, and how many more would have been.
///
/// # Errors
///
/// When a database or the provider fails; the next call goes on.
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
        if stands_for_charge(&story).is_some() {
            continue;
        }
        for reference in standing(&story) {
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

/// Why the charges of `story` must stay, if they must.
fn reason_against(story: &Story) -> Option<String> {
    let is_young = || {
        let before = Timestamp::now().checked_sub(AGE).unwrap_or(Timestamp::MIN).as_microsecond();
        let is_young =
            story.movements.iter().flatten().any(|row| row.created_at.is_none_or(|at| at > before));
        is_young.then(|| "money moved for it less than an hour ago".to_owned())
    };
    stands_for_charge(story).or_else(is_young)
}

/// What the charges of `story` stand for, if they stand for anything.
fn stands_for_charge(story: &Story) -> Option<String> {
    if story.is_live() || story.payment_is("Paid") {
        return Some(format!("the booking is {}", story.status()));
    }
    if story.ticket_is(&["Printing", "Printed"]) {
        return Some("its ticket was collected".to_owned());
    }
    None
}

/// The references with more charges than refunds.
fn standing(story: &Story) -> Vec<String> {
    let rows = || story.movements.iter().flatten();
    let mut references: Vec<&String> = rows().map(|row| &row.reference).collect();
    references.sort_unstable();
    references.dedup();
    let count = |reference: &str, kind: &str| {
        rows().filter(|row| row.reference == reference && row.kind == kind).count()
    };
    let stands = |reference: &&String| count(reference, "charge") > count(reference, "refund");
    references.into_iter().filter(stands).cloned().collect()
}

impl RefundError {
    /// Whether the same request may succeed a moment later.
    fn is_transient(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }
}

async fn cancel(provider: &Provider, reference: &str) -> Result<(), RefundError> {
    let client = Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build();
    let client =
        client.map_err(|source| RefundError::NoAnswer { reference: reference.to_owned(), source })?;
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
    let failed = |source| RefundError::NoAnswer { reference: reference.to_owned(), source };
    let url = format!("{}/v1/payments/{reference}/cancel", provider.url.trim_end_matches('/'));
    let answer = client.post(url).send().await.map_err(failed)?;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap_or_default();
    if status == StatusCode::OK && body["status"] == "canceled" {
        Ok(())
    } else {
        Err(RefundError::Refused { reference: reference.to_owned(), status })
    }
}
