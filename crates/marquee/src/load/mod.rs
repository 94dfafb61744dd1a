//! `marquee load`: makes bookings from many clients at once, measures them, and checks the results.
//!
//! # Layout
//!
//! - `plan`: the number of bookings and of clients.
//! - `clients`: the clients, and the answers that they get.
//! - `verify`: checks that every service has one record of every booking.
//! - `report`: prints the figures.

pub mod clients;
pub mod plan;
mod report;
pub mod verify;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::output::{OutputError, print, printable};
use crate::rest::{Rest, RestError};
use crate::runtime::{self, exit_code};
use crate::target::{NoFleet, Target};
use clients::Answers;

pub use plan::Plan;

/// Maximum time until every service has processed the events of the last booking.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub fn run(target: &Target, plan: &Plan) -> ExitCode {
    runtime::run(Runtime::new(), async {
        book_and_check(target, plan).await.map(|differences| exit_code(differences.is_empty()))
    })
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    NoFleet(#[from] NoFleet),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Makes the bookings and checks them. Returns the differences, which are also printed.
async fn book_and_check(target: &Target, plan: &Plan) -> Result<Vec<String>, LoadError> {
    target.answers().await?;
    let gateway = target.gateway();
    let rest = Rest::new(&gateway);
    let processes = verify::Processes::before_load(target).await?;

    let what = format!("{} bookings from {} clients at {gateway}", plan.bookings, plan.clients);
    print(&printable(&what))?;
    let answers = clients::book(&rest, plan).await;
    report::answers(&answers, plan)?;

    let last_answer = Instant::now();
    let mut differences = Vec::new();
    if !answers.booked.is_empty() {
        report::mypage(wait_for_mypage(&rest, &answers, last_answer).await?)?;
        differences = settled(&rest, &answers, &processes, last_answer).await?;
    }
    let refused = plan.bookings - answers.booked.len() as u64;
    if refused > 0 {
        differences.push(format!("{refused} of {} requests were not answered with 201", plan.bookings));
    }
    report::differences(&differences, &answers, &processes)?;
    Ok(differences)
}

/// Waits until mypage has as many rows as were booked. Returns the time since the last answer, or `None`
/// after [`SETTLE_TIMEOUT`]. [`verify`] checks the rows themselves.
async fn wait_for_mypage(
    rest: &Rest,
    answers: &Answers,
    since: Instant,
) -> Result<Option<Duration>, RestError> {
    let rows = format!("/mypages?customerId={}", answers.customer);
    while since.elapsed() < SETTLE_TIMEOUT {
        if rest.count(&rows).await? >= answers.booked.len() as u64 {
            return Ok(Some(since.elapsed()));
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(None)
}

/// Compares until no difference is left, or for [`SETTLE_TIMEOUT`], and returns the remaining differences.
async fn settled(
    rest: &Rest,
    answers: &Answers,
    processes: &verify::Processes,
    since: Instant,
) -> Result<Vec<String>, LoadError> {
    loop {
        let mut differences = processes.unsettled().await?;
        if differences.is_empty() {
            differences = verify::differences(rest, &answers.booked).await?;
        }
        if differences.is_empty() || since.elapsed() > SETTLE_TIMEOUT {
            return Ok(differences);
        }
        sleep(POLL_INTERVAL).await;
    }
}
