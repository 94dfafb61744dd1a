//! `marquee audit`: compares the records of every booking in all services, and repairs what is safe to
//! repair. It reads the databases of the fleet, which may keep running.
//!
//! # Layout
//!
//! - `report`: prints the report as text or as JSON.
//! - The crates `audit` and `audit-databases` compare and repair.

mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ::audit::rest::{Rest, RestError};
use ::audit::{Report, Terms};
use audit_databases::repair::{Outcome, RepairError, repair};
use audit_databases::{Databases, Provider};
use storage::{DatabaseUrl, Db, Settings};
use tokio::runtime::Runtime;

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, Process};
use crate::mark;
use crate::output::OutputError;
use crate::runtime::{self, exit_code};

/// Timeout for reading one page of an audit; long, because the machine may be busy.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of bookings that one run repairs; the next run repairs more.
const REPAIRS_AT_ONCE: usize = 10_000;

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    fleet: Fleet,

    /// Address of the gateway, for a fleet whose databases cannot be reached. The audit then checks less, and
    /// reports what it does not check.
    #[arg(long, conflicts_with = "repair")]
    url: Option<String>,

    /// Ignore bookings that changed within this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    settle_seconds: u64,

    /// Maximum number of violating bookings to show, each with all its records; the rest is counted.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=100_000))]
    show: u64,

    /// Maximum number of bookings to read with --url.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, requires = "url", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    limit: u64,

    /// Repairs what is safe to repair, and reports it: publishes lost events again, refunds charges without a
    /// booking, and recreates rows of mypage. Running it again does no harm.
    #[arg(long)]
    repair: bool,

    /// Maximum number of charges that a repair refunds; the next run refunds more.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, requires = "repair", value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    max_refunds: u32,

    /// Ignore the ledger of the sandbox payment provider, for fleets with another provider.
    #[arg(long, conflicts_with = "url")]
    without_ledger: bool,

    /// Print JSON, with all records of each violating booking.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("there is no database {}: has a fleet run there? See --data-dir and --database-url-prefix", .0.display())]
    NoDatabase(PathBuf),
    #[error(
        "the fleet id at the payment provider is unknown: FLEET_ID is not set, and there is no file fleet-id in {}; \
         --without-ledger skips the ledger",
        .0.display()
    )]
    NoFleetId(PathBuf),
    #[error("the URL of the database of {0} {1}")]
    Url(Process, storage::InvalidUrl),
    #[error("cannot use the database of {0}, {1}")]
    Open(Process, String, #[source] storage::Error),
    #[error("the audit failed; do all databases belong to a fleet of this version?")]
    Storage(#[from] storage::Error),
    #[error("the repair failed")]
    Repair(#[from] RepairError),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    runtime::run(Runtime::new(), async { audit(plan).await.map(|violations| exit_code(violations == 0)) })
}

/// Audits the fleet, prints the report, and returns the number of violations.
async fn audit(plan: &Plan) -> Result<u64, AuditError> {
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

/// Opens the databases of `fleet`, and the ledger of the provider, if it exists and `without_ledger` is
/// false.
///
/// # Errors
///
/// When a database does not exist or cannot be opened.
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

/// Opens the ledger of the provider; `None` if its database file does not exist, as after an upgrade from a
/// version without it.
async fn provider(fleet: &Fleet) -> Result<Option<Provider>, AuditError> {
    let db = match open_one(fleet, Process::Processor).await {
        Err(AuditError::NoDatabase(_)) => return Ok(None),
        db => db?,
    };
    let fleet_id = match fleet.given_fleet_id() {
        // An audit of servers needs no data directory.
        Some(id) => Some(id),
        None => DataDir::open(&fleet.data_dir)?.known_fleet_id()?,
    };
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

/// The URL of a database file; does not create a missing one.
fn file_url(fleet: &Fleet, process: Process) -> Result<String, AuditError> {
    let file = fleet.data_dir.join(format!("{process}.db"));
    if !file.exists() {
        return Err(AuditError::NoDatabase(file));
    }
    Ok(DataDir::open(&fleet.data_dir)?.database_url(process.name()))
}
