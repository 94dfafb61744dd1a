//! Reconciles the restored databases with the charges and refunds of the payment provider after the backup.
//!
//! Charges of bookings that no longer exist are refunded. Bookings that live again, but whose charges the
//! provider has refunded, are canceled, as their customers had requested. The services do both, without the
//! gateway.

use std::time::Duration;

use ::audit::{Kind, Report, Terms};
use audit_databases::Databases;
use audit_databases::repair::{RepairError, Returned, return_charges};
use process::crash;
use reqwest::Method;
use tokio::time::{Instant, sleep};

use crate::audit::{self, AuditError};
use crate::backup::stores::{StoreError, Stores};
use crate::data_dir::DataDir;
use crate::fleet::{Fleet, Process};
use crate::mark::Mark;
use crate::rest::{Rest, RestError};
use crate::up::StartError;
use crate::up::backstage::Backstage;

/// Maximum time until the events of a round have arrived.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time for one cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Maximum number of rounds. Each repairs what the previous one has left or caused; further rounds would find
/// nothing.
const ROUNDS: usize = 5;
/// Maximum wait for violations to disappear when nothing is left to repair: a refund under way takes as long
/// as the provider.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);
const ARRIVAL_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Maximum number of requests to cancel a booking while book answers with a transient error.
const CANCEL_ATTEMPTS: u32 = 10;
const CANCEL_RETRY_PAUSE: Duration = Duration::from_millis(500);
/// No customer changes anything, so no settling time is needed.
const TERMS: Terms = Terms { settle: Duration::ZERO, shown: 100_000 };

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("the services do not start")]
    Start(#[from] StartError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("the databases cannot be compared")]
    Storage(#[from] storage::Error),
    #[error("the services do not finish processing events")]
    Store(#[from] StoreError),
    #[error("the payment provider does not refund a charge")]
    Repair(#[from] RepairError),
    #[error("book does not cancel a booking")]
    Rest(#[from] RestError),
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub returned: Vec<Returned>,
    pub canceled: Vec<i64>,
    /// Refunded bookings that could not be canceled, and the reasons.
    pub not_canceled: Vec<(i64, String)>,
    /// Number of charges that remain to be refunded.
    pub left: usize,
    /// Number of violations at the end.
    pub violations: u64,
}

/// Starts the services, reconciles, and stops them.
///
/// # Errors
///
/// When any step fails; another call continues.
pub async fn reconcile(
    fleet: &Fleet,
    data_dir: &DataDir,
    mark: &Mark,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    let backstage = Backstage::start(fleet, data_dir).await?;
    let outcome = reconcile_with(&backstage.fleet, data_dir, mark, max_refunds).await;
    backstage.stop().await;
    outcome
}

async fn reconcile_with(
    fleet: &Fleet,
    data_dir: &DataDir,
    mark: &Mark,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    // If the ledger did not exist before the restore, it has none of the backup's charges.
    let databases = audit::open(fleet, !mark.has_ledger).await?;
    let stores = Stores::open(data_dir).await?;
    let outcome = settle(fleet, &databases, &stores, max_refunds).await;
    stores.close().await;
    databases.close().await;
    outcome
}

async fn settle(
    fleet: &Fleet,
    databases: &Databases,
    stores: &Stores,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    let book = Rest::new(&fleet.url(Process::Book));
    let mut outcome = Outcome::default();
    let (mut rounds, mut arrival) = (0, None);
    loop {
        stores.wait_until_quiet(Instant::now() + SETTLE_TIMEOUT).await?;
        let report = audit_databases::audit(databases, TERMS).await?;
        outcome.violations = report.total();
        let budget = max_refunds.saturating_sub(outcome.returned.len());
        let (returned, left) = return_charges(databases, &report, budget).await?;
        crash::point("restore.returned");
        outcome.left = left;
        let mut has_changed = !returned.is_empty();
        outcome.returned.extend(returned);
        for id in live_but_refunded(&report) {
            if outcome.refuses(id) {
                continue;
            }
            has_changed = true;
            match cancel(&book, id).await? {
                Ok(()) => outcome.canceled.push(id),
                Err(reason) => outcome.not_canceled.push((id, reason)),
            }
        }
        if has_changed {
            rounds += 1;
            if rounds < ROUNDS {
                continue;
            }
        }
        let deadline = *arrival.get_or_insert_with(|| Instant::now() + ARRIVAL_TIMEOUT);
        if left > 0 || outcome.violations <= outcome.known_violations(&report) || Instant::now() >= deadline {
            return Ok(outcome);
        }
        sleep(ARRIVAL_POLL_INTERVAL).await;
    }
}

impl Outcome {
    /// Returns true if the booking could not be canceled.
    fn refuses(&self, id: i64) -> bool {
        self.not_canceled.iter().any(|(refused, _)| *refused == id)
    }

    /// The number of violations of bookings that could not be canceled, which remain.
    fn known_violations(&self, report: &Report) -> u64 {
        let refused = report.findings.iter().filter(|finding| self.refuses(finding.story.booking_id));
        refused.map(|finding| finding.violations.len() as u64).sum()
    }
}

/// The live bookings that the provider has refunded.
fn live_but_refunded(report: &Report) -> Vec<i64> {
    let is_without = |finding: &&::audit::Finding| {
        let story = &finding.story;
        story.is_live()
            && story.payment_is("Paid")
            && finding.violations.iter().any(|violation| violation.kind == Kind::RefundUnfounded)
    };
    report.findings.iter().filter(is_without).map(|finding| finding.story.booking_id).collect()
}

/// Cancels a booking as its customer would. The inner `Err` is the reason why it cannot be canceled.
async fn cancel(book: &Rest, id: i64) -> Result<Result<(), String>, RestError> {
    let path = format!("/books/{id}");
    let mut answer = book.send(Method::DELETE, &path, None).await;
    for _ in 1..CANCEL_ATTEMPTS {
        if answer.as_ref().is_ok_and(|answer| !is_transient(answer.status)) {
            break;
        }
        sleep(CANCEL_RETRY_PAUSE).await;
        answer = book.send(Method::DELETE, &path, None).await;
    }
    let answer = answer?;
    match answer.status {
        204 => return Ok(Ok(())),
        202 => {}
        status => {
            let detail = answer.body["detail"].as_str().unwrap_or_default();
            return Ok(Err(format!("{status} {detail}")));
        }
    }
    let deadline = Instant::now() + CANCEL_TIMEOUT;
    loop {
        let answer = book.get(&path).await?;
        let status = answer.body["status"].as_str();
        let is_under_way = status == Some("Canceling") || is_transient(answer.status);
        match status {
            Some("Canceled") => return Ok(Ok(())),
            _ if is_under_way && Instant::now() < deadline => sleep(POLL_INTERVAL).await,
            status => return Ok(Err(format!("its status is {}", status.unwrap_or("unknown")))),
        }
    }
}

fn is_transient(status: u16) -> bool {
    status == 429 || status >= 500
}
