//! What the payment provider did after the backup, and the restored databases do not know.
//!
//! Its ledger keeps charges of bookings that are not there any more: they are returned. It has given back charges of bookings
//! that live again: these are canceled, as their customers had asked. The services do both, without their door to customers.

use std::time::Duration;

use ::audit::repair::{RepairError, Returned, return_charges};
use ::audit::{Kind, Report, Terms, databases};
use reqwest::Method;
use service_kit::crash;
use tokio::time::{Instant, sleep};

use crate::audit::{self, AuditError};
use crate::backup::stores::{StoreError, Stores};
use crate::data_dir::DataDir;
use crate::fleet::{Fleet, Process};
use crate::rest::{Rest, RestError};
use crate::restore::mark::Mark;
use crate::up::StartError;
use crate::up::backstage::Backstage;

/// Longest until events of a round have arrived.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest for one cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A round mends what the one before has left; more of them mend nothing more.
const ROUNDS: usize = 5;
/// Nobody else changes anything, so nothing has to settle.
const TERMS: Terms = Terms { settle: Duration::ZERO, shown: 100_000 };

#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error("the services do not start")]
    Start(#[from] StartError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("the databases cannot be compared")]
    Storage(#[from] storage::Error),
    #[error("the services do not come to rest")]
    Store(#[from] StoreError),
    #[error("the payment provider does not return a charge")]
    Repair(#[from] RepairError),
    #[error("book does not cancel")]
    Rest(#[from] RestError),
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub returned: Vec<Returned>,
    pub canceled: Vec<i64>,
    /// Bookings whose money has gone back, and why they could not be canceled.
    pub not_canceled: Vec<(i64, String)>,
    /// Charges that are still to be returned.
    pub left: usize,
    /// How much is wrong in the end.
    pub wrong: u64,
}

/// Starts the services, has them reconcile, and stops them.
///
/// # Errors
///
/// When something fails; another call goes on.
pub async fn reconcile(
    fleet: &Fleet,
    data_dir: &DataDir,
    mark: &Mark,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    let backstage = Backstage::start(fleet, data_dir).await?;
    let outcome = backstage_work(&backstage.fleet, data_dir, mark, max_refunds).await;
    backstage.stop().await;
    outcome
}

async fn backstage_work(
    fleet: &Fleet,
    data_dir: &DataDir,
    mark: &Mark,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    // A ledger that was not there before the restore knows nothing of the charges of the backup.
    let databases = audit::open(fleet, !mark.has_ledger).await?;
    let stores = Stores::open(data_dir).await?;
    let outcome = settle(fleet, &databases, &stores, max_refunds).await;
    stores.close().await;
    databases.close().await;
    outcome
}

async fn settle(
    fleet: &Fleet,
    databases: &databases::Databases,
    stores: &Stores,
    max_refunds: usize,
) -> Result<Outcome, ReconcileError> {
    let book = Rest::new(&fleet.url(Process::Book));
    let mut outcome = Outcome::default();
    for _ in 0..ROUNDS {
        stores.wait_until_quiet(Instant::now() + SETTLE_TIMEOUT).await?;
        let report = databases::audit(databases, TERMS).await?;
        outcome.wrong = report.total();
        let budget = max_refunds.saturating_sub(outcome.returned.len());
        let (returned, left) = return_charges(databases, &report, budget).await?;
        crash::point("restore.returned");
        outcome.left = left;
        let mut has_done = !returned.is_empty();
        outcome.returned.extend(returned);
        for id in without_money(&report) {
            if outcome.not_canceled.iter().any(|(refused, _)| *refused == id) {
                continue;
            }
            has_done = true;
            match cancel(&book, id).await? {
                Ok(()) => outcome.canceled.push(id),
                Err(reason) => outcome.not_canceled.push((id, reason)),
            }
        }
        if !has_done {
            break;
        }
    }
    Ok(outcome)
}

/// Bookings that live, and whose money the provider has given back.
fn without_money(report: &Report) -> Vec<i64> {
    let is_without = |finding: &&::audit::Finding| {
        let story = &finding.story;
        story.is_live()
            && story.payment_is("Paid")
            && finding.violations.iter().any(|violation| violation.kind == Kind::RefundUnfounded)
    };
    report.findings.iter().filter(is_without).map(|finding| finding.story.booking_id).collect()
}

/// Cancels a booking the way its customer does. `Err` is why it stays.
async fn cancel(book: &Rest, id: i64) -> Result<Result<(), String>, RestError> {
    let path = format!("/books/{id}");
    let answer = book.send(Method::DELETE, &path, None).await?;
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
        match answer.body["status"].as_str() {
            Some("Canceled") => return Ok(Ok(())),
            Some("Canceling") if Instant::now() < deadline => sleep(LOOK_EVERY).await,
            status => return Ok(Err(format!("it is {}", status.unwrap_or("not there")))),
        }
    }
}
