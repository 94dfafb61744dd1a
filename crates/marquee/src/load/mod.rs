//! `marquee load`: books from many clients at once, measures it, and checks what came of it.
//!
//! # Layout
//!
//! - `plan`: how many bookings, from how many clients.
//! - `clients`: the clients and what they were answered.
//! - `verify`: whether every service knows every booking, once.
//! - `report`: the figures.

pub mod clients;
pub mod plan;
mod report;
pub mod verify;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::output::{OutputError, print, printable};
use crate::rest::{Rest, RestError};
use crate::target::Target;
use clients::Answers;

pub use plan::Plan;

/// Longest to wait until what follows from the last booking has happened everywhere.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub fn run(target: &Target, plan: &Plan) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .map_err(LoadError::Runtime)
        .and_then(|runtime| runtime.block_on(book_and_check(target, plan)));
    match outcome {
        Ok(differences) if differences.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => crate::output::fail(&error),
    }
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// What is not as it should be, told to the user as well.
async fn book_and_check(target: &Target, plan: &Plan) -> Result<Vec<String>, LoadError> {
    let gateway = target.gateway();
    let rest = Rest::new(&gateway);
    let processes = verify::Processes::look(target).await?;

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
        differences.push(format!("{refused} of {} answers were not 201", plan.bookings));
    }
    report::differences(&differences, &answers, &processes)?;
    Ok(differences)
}

/// How long after the last answer all that was booked showed; `None` when it never did. That the rows are the right
/// ones is [`verify`]'s business.
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

/// Looks again until nothing is amiss, or until what is amiss will stay so.
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
