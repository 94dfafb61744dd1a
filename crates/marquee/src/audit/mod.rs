//! `marquee audit`: whether all services tell the same story of every booking; and the mending of what is safe to mend. It
//! reads the fleet's databases, while the fleet runs or not.
//!
//! # Layout
//!
//! - `report`: what was found, for a person and as JSON.
//! - The crates `audit` and `audit-databases` compare.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ::audit::rest::{Rest, RestError};
use ::audit::{Report, Terms};
use audit_databases::repair::{Outcome, RepairError, repair};
use audit_databases::{Databases, Provider};
use storage::{DatabaseUrl, Db, Settings};

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, Process};
use crate::mark;
use crate::output::OutputError;

/// A page of a large audit is read within this, also on a machine that has other things to do.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Stories that are kept to be mended: what is beyond them, the next run mends.
const REPAIRS_AT_ONCE: usize = 10_000;

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    fleet: Fleet,

    /// Address of the gateway of a fleet whose databases cannot be reached: sees less, and says what.
    #[arg(long, conflicts_with = "repair")]
    url: Option<String>,

    /// How long nothing must have happened to a booking before what is wrong with it is wrong.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    settle_seconds: u64,

    /// How many of the wrong bookings to show, each with its whole story; the rest is counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=100_000))]
    show: u64,

    /// How many bookings to read at most, with --url.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, requires = "url", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    limit: u64,

    /// Mends what is safe to mend: tells again what was lost, has money returned that is kept for nothing, makes rows of
    /// mypage anew. Says what it did, and does it once however often it runs.
    #[arg(long)]
    repair: bool,

    /// How many charges a repair has the payment provider cancel at most; the next run cancels more.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, requires = "repair", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    max_refunds: u32,

    /// Leaves out the ledger of the sandbox payment provider, for fleets whose provider is another one.
    #[arg(long, conflicts_with = "url")]
    without_ledger: bool,

    /// As JSON, with all that is known of each wrong booking.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("there is no database {}: has a fleet run there? See --data-dir and --database-url-prefix", .0.display())]
    NoDatabase(PathBuf),
    #[error(
        "the name of the fleet at the payment provider is not known: FLEET_ID is not set, and there is no file fleet-id in {}; \
         --without-ledger leaves the ledger out",
        .0.display()
    )]
    NoFleetId(PathBuf),
    #[error("the URL of the database of {0} {1}")]
    Url(Process, storage::InvalidUrl),
    #[error("cannot use the database of {0}, {1}")]
    Open(Process, String, #[source] storage::Error),
    #[error("the audit broke off; are all databases those of a fleet of this version?")]
    Storage(#[from] storage::Error),
    #[error("the repair broke off")]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .map_err(AuditError::Runtime)
        .and_then(|runtime| runtime.block_on(look(plan)));
    match outcome {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => crate::output::fail(&error),
    }
}

/// How much is wrong.
async fn look(plan: &Plan) -> Result<u64, AuditError> {
    let began = Instant::now();
    let (mut report, repaired) = match &plan.url {
        Some(url) => (by_rest(plan, url).await?, Outcome::default()),
        None => by_databases(plan).await?,
    };
    let total = report.total();
    report.findings.truncate(plan.shown());
    report.under_way.truncate(plan.shown());
    if plan.json {
        report::json(&report, &repaired)?;
    } else {
        report::text(&report, &repaired, began.elapsed())?;
    }
    Ok(total)
}

async fn by_rest(plan: &Plan, url: &str) -> Result<Report, AuditError> {
    let everywhere = std::array::from_fn(|_| url.to_owned());
    Ok(Rest::new(everywhere).audit(plan.terms(), plan.limit).await?)
}

async fn by_databases(plan: &Plan) -> Result<(Report, Outcome), AuditError> {
    let databases = open(&plan.fleet, plan.without_ledger).await?;
    let report = audit_databases::audit(&databases, plan.terms()).await?;
    let repaired =
        if plan.repair { repair(&databases, &report, plan.max_refunds).await? } else { Outcome::default() };
    databases.close().await;
    Ok((report, repaired))
}

impl Plan {
    fn shown(&self) -> usize {
        usize::try_from(self.show).unwrap_or(usize::MAX)
    }

    fn terms(&self) -> Terms {
        let shown = if self.repair { self.shown().max(REPAIRS_AT_ONCE) } else { self.shown() };
        Terms { settle: Duration::from_secs(self.settle_seconds), shown }
    }
}

/// The databases of `fleet`, and the ledger of the provider if there is one and it is not left out.
///
/// # Errors
///
/// When one of them is not there or cannot be opened.
pub async fn open(fleet: &Fleet, without_ledger: bool) -> Result<Databases, AuditError> {
    if fleet.data_dir.exists() {
        mark::files_are_whole(&DataDir::open(&fleet.data_dir)?)?;
    }
    Ok(Databases {
        book: open_one(fleet, Process::Book).await?,
        payment: open_one(fleet, Process::Payment).await?,
        ticket: open_one(fleet, Process::Ticket).await?,
        point: open_one(fleet, Process::Point).await?,
        mypage: open_one(fleet, Process::Mypage).await?,
        provider: if without_ledger { None } else { provider(fleet).await? },
    })
}

/// `None` for the files of a fleet that has not been started since it has a provider.
async fn provider(fleet: &Fleet) -> Result<Option<Provider>, AuditError> {
    let db = match open_one(fleet, Process::Processor).await {
        Err(AuditError::NoDatabase(_)) => return Ok(None),
        db => db?,
    };
    let fleet_id = fleet.known_fleet_id(&DataDir::open(&fleet.data_dir)?)?;
    let fleet_id = fleet_id.ok_or_else(|| AuditError::NoFleetId(fleet.data_dir.clone()))?;
    Ok(Some(Provider { db, fleet_id, url: fleet.provider_url() }))
}

async fn open_one(fleet: &Fleet, process: Process) -> Result<Db, AuditError> {
    let url = fleet.given_database_url(process).map_or_else(|| file_url(fleet, process), Ok)?;
    let url: DatabaseUrl = url.parse().map_err(|error| AuditError::Url(process, error))?;
    let settings =
        Settings { max_connections: 2, statement_timeout: STATEMENT_TIMEOUT, ..Settings::default() };
    Db::open(&url, settings).await.map_err(|error| AuditError::Open(process, url.to_string(), error))
}

/// To look into it is no reason to make one.
fn file_url(fleet: &Fleet, process: Process) -> Result<String, AuditError> {
    let file = fleet.data_dir.join(format!("{process}.db"));
    if !file.exists() {
        return Err(AuditError::NoDatabase(file));
    }
    Ok(DataDir::open(&fleet.data_dir)?.database_url(process.name()))
}
