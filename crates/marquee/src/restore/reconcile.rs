//! What the payment provider did after the backup, and the restored databases do not know.
//!
//! Its ledger keeps charges of bookings that are not there any more: they are returned. It has given back charges of bookings
//! that live again: these are canceled, as their customers had asked. The services do both, without their door to customers.

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

/// Longest until events of a round have arrived.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest for one cancel.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A round mends what the one before has left; more of them mend nothing more.
const ROUNDS: usize = 5;
/// Longest wait for what is still wrong when nothing is left to mend: a refund on its way takes as long as the provider does.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(10);
const ARRIVAL_LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often book is asked to cancel a booking, while it answers that it cannot now.
const CANCEL_ATTEMPTS: u32 = 10;
const CANCEL_RETRY_PAUSE: Duration = Duration::from_millis(500);
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
        outcome.wrong = report.total();
        let budget = max_refunds.saturating_sub(outcome.returned.len());
        let (returned, left) = return_charges(databases, &report, budget).await?;
        crash::point("restore.returned");
        outcome.left = left;
        let mut has_done = !returned.is_empty();
        outcome.returned.extend(returned);
        for id in without_money(&report) {
            if outcome.refuses(id) {
                continue;
            }
            has_done = true;
            match cancel(&book, id).await? {
                Ok(()) => outcome.canceled.push(id),
                Err(reason) => outcome.not_canceled.push((id, reason)),
            }
        }
        if has_done {
            rounds += 1;
            if rounds < ROUNDS {
                continue;
            }
        }
        let deadline = *arrival.get_or_insert_with(|| Instant::now() + ARRIVAL_TIMEOUT);
        if left > 0 || outcome.wrong <= outcome.known_wrong(&report) || Instant::now() >= deadline {
            return Ok(outcome);
        }
        sleep(ARRIVAL_LOOK_EVERY).await;
    }
}

impl Outcome {
    /// Whether the booking could not be canceled.
    fn refuses(&self, id: i64) -> bool {
        self.not_canceled.iter().any(|(refused, _)| *refused == id)
    }

    /// What is wrong with bookings that could not be canceled, and stays so.
    fn known_wrong(&self, report: &Report) -> u64 {
        let refused = report.findings.iter().filter(|finding| self.refuses(finding.story.booking_id));
        refused.map(|finding| finding.violations.len() as u64).sum()
    }
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
            _ if is_under_way && Instant::now() < deadline => sleep(LOOK_EVERY).await,
            status => return Ok(Err(format!("it is {}", status.unwrap_or("not there")))),
        }
    }
}

fn is_transient(status: u16) -> bool {
    status == 429 || status >= 500
}
