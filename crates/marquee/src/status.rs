//! `marquee status`: what runs on a data directory.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::timeout;

use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError};
use crate::fleet::{Fleet, LAUNCHER, Process};
use crate::output::{OutputError, print, printable};
use crate::paint::{BAD, GOOD, Paint};
use crate::rest::Rest;
use crate::runtime;
use crate::settings::{IN_THE_DATA_DIRECTORY, Settings, SettingsError};

/// Maximum time until a process answers whether it is ready.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// The exit code if nothing runs, as of `systemctl status`.
const EXIT_NOTHING_RUNS: u8 = 3;

/// The data directory of a fleet.
#[derive(clap::Args, Clone, Debug)]
pub struct On {
    /// Data directory of the fleet.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(on: &On) -> ExitCode {
    runtime::run(runtime::one_thread(), show(on))
}

/// A process of the fleet.
struct Row {
    process: Process,
    pid: Option<u32>,
    health: Health,
}

enum Health {
    Ready,
    NotReady(String),
    Stopped,
}

async fn show(on: &On) -> Result<ExitCode, StatusError> {
    let data_dir = DataDir::open_existing(&on.data_dir)?;
    let settings = Settings::read(&data_dir)?;
    let launcher = data_dir.holder(LAUNCHER);
    let rows = rows(&data_dir, settings.as_ref()).await;
    if launcher.is_none() && rows.iter().all(|row| row.pid.is_none()) {
        print(&format!("nothing runs on the data directory {}", shown(&on.data_dir)))?;
        return Ok(ExitCode::from(EXIT_NOTHING_RUNS));
    }
    let launched =
        launcher.map_or("no launcher runs".to_owned(), |pid| format!("the launcher is process {pid}"));
    print(&format!("data directory  {}; {launched}", shown(&on.data_dir)))?;
    if let Some(settings) = &settings {
        print(&format!("event log       {}", printable(settings.event_log())))?;
        print(&format!("databases       {}", databases(settings)))?;
    }
    print("")?;
    print(&format!("{:9}  {:>7}  {:>5}  {:9}  log file", "process", "pid", "port", "health"))?;
    let paint = Paint::for_stream(&io::stdout());
    for row in &rows {
        let port = settings.as_ref().map(|settings| row.process.port(settings.port_base).to_string());
        let (style, health) = match &row.health {
            Health::Ready => (GOOD, "ready"),
            Health::NotReady(_) => (BAD, "not ready"),
            Health::Stopped => (BAD, "stopped"),
        };
        let health = paint.text(style, format_args!("{health:9}"));
        let pid = row.pid.map_or("-".to_owned(), |pid| pid.to_string());
        let log = on.data_dir.join("logs").join(format!("{}.log", row.process));
        let port = port.as_deref().unwrap_or("-");
        print(&format!("{:9}  {pid:>7}  {port:>5}  {health}  {}", row.process, shown(&log)))?;
    }
    for row in &rows {
        if let Health::NotReady(reason) = &row.health {
            print(&format!("\n{} is not ready: {}", row.process, printable(reason)))?;
        }
    }
    let all_ready = rows.iter().all(|row| matches!(row.health, Health::Ready));
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn rows(data_dir: &DataDir, settings: Option<&Settings>) -> Vec<Row> {
    let questions = Process::ALL.map(|process| {
        let pid = data_dir.holder(process.name());
        let url = settings.map(|settings| Fleet::url_with(process, settings.host, settings.port_base));
        (process, pid, tokio::spawn(health(pid, url)))
    });
    let mut rows = Vec::new();
    for (process, pid, health) in questions {
        let health = health.await.expect("a question does not panic");
        rows.push(Row { process, pid, health });
    }
    rows
}

/// Asks the process at `url`, if it runs. Another fleet may have the port of one that does not.
async fn health(pid: Option<u32>, url: Option<String>) -> Health {
    if pid.is_none() {
        return Health::Stopped;
    }
    let Some(url) = url else { return Health::NotReady("its port is unknown".to_owned()) };
    match timeout(ANSWER_TIMEOUT, Rest::new(&url).get("/readyz")).await {
        Ok(Ok(answer)) if answer.status == 200 => Health::Ready,
        Ok(Ok(answer)) => Health::NotReady(answer.body.to_string()),
        Ok(Err(error)) => Health::NotReady(telemetry::chain(&error)),
        Err(_) => Health::NotReady(format!("no answer from {url} within {} s", ANSWER_TIMEOUT.as_secs())),
    }
}

fn shown(path: &std::path::Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

fn databases(settings: &Settings) -> String {
    let prefix = settings.database_url_prefix.as_ref();
    let mut places = vec![prefix.map_or(IN_THE_DATA_DIRECTORY, |stored| stored.url.as_str()).to_owned()];
    places
        .extend(settings.database_urls.iter().map(|(process, stored)| format!("{process}: {}", stored.url)));
    printable(&places.join(", ")).into_owned()
}
