//! `marquee dlq`: lists, shows and replays dead letters. It works on the fleet's event log; the fleet may
//! keep running.
//!
//! # Layout
//!
//! - `name`: the name of a letter, such as `0-17`.
//! - `report`: prints letters as a table, one by one, or as JSON.

mod name;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use event_log::{Position, Transport, TransportError};
use kafka_log::KafkaSecurity;
use messaging::dead_letter::{Letter, letters, replay};
use messaging::{EventLog, connect};

use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError};
use crate::fleet::Process;
use crate::output::OutputError;
use crate::runtime;
use name::{name, parse_name};

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Lists the dead letters: the event, the service that rejected it, and the reason.
    List {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        of: Of,
        /// Also list replayed letters.
        #[arg(long)]
        all: bool,
        /// Print JSON, with all details of each letter.
        #[arg(long)]
        json: bool,
    },
    /// Shows one dead letter in full: the reason, and the record with its headers.
    Show {
        #[command(flatten)]
        log: Log,
        /// Name of the letter, as printed by `dlq list`, such as 0-17.
        #[arg(value_parser = parse_name)]
        letter: Position,
    },
    /// Publishes dead letters to the event topic again, each for the service that rejected it.
    ///
    /// Replay a letter after fixing the cause that its reason names. Without names, all waiting letters are
    /// replayed. A second replay does no harm, because a service applies each event once. An event that fails
    /// again becomes a new dead letter.
    Replay {
        #[command(flatten)]
        log: Log,
        #[command(flatten)]
        of: Of,
        /// Names of the letters to replay, as printed by `dlq list`, such as 0-17.
        #[arg(value_parser = parse_name, conflicts_with = "consumer")]
        letters: Vec<Position>,
        /// Only print what would be replayed.
        #[arg(long)]
        dry_run: bool,
    },
}

/// The event log of a fleet.
#[derive(clap::Args, Clone, Debug)]
pub struct Log {
    /// Data directory of the fleet, which contains its event log.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,

    /// Event log on a server, such as kafka://host:9092/movie .
    #[arg(long, value_name = "URL", env = "EVENTS_URL")]
    events_url: Option<EventLog>,

    #[command(flatten)]
    kafka_security: KafkaSecurity,
}

/// Selects letters by their consumer.
#[derive(clap::Args, Clone, Debug)]
pub struct Of {
    /// Only letters that this service could not apply.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(consumers()))]
    consumer: Option<String>,
}

fn consumers() -> impl Iterator<Item = &'static str> {
    Process::SERVICES.into_iter().map(Process::name)
}

#[derive(Debug, thiserror::Error)]
enum DlqError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("there is no event log in {}: has a fleet run there? See --data-dir and --events-url", .0.display())]
    NoLog(PathBuf),
    #[error("{0}")]
    Log(String, #[source] TransportError),
    #[error("there is no dead letter {}", name(*.0))]
    NoLetter(Position),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(command: &Command) -> ExitCode {
    runtime::run(runtime::one_thread(), execute(command))
}

async fn execute(command: &Command) -> Result<(), DlqError> {
    match command {
        Command::List { log, of, all, json } => {
            let log = log.open().await?;
            let mut letters = log.letters().await?;
            log.transport.close().await;
            letters.retain(|letter| of.includes(letter) && (*all || !letter.replayed));
            if *json { report::json(&letters)? } else { report::table(&letters, *all)? }
        }
        Command::Show { log, letter } => {
            let log = log.open().await?;
            let letters = log.letters().await?;
            log.transport.close().await;
            report::letter(find(&letters, *letter)?)?;
        }
        Command::Replay { log, of, letters: named, dry_run } => {
            let log = log.open().await?;
            let letters = log.letters().await?;
            let chosen = choose(&letters, of, named)?;
            let (done, open): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|letter| letter.replayed);
            if !dry_run {
                log.replay(&open).await?;
            }
            log.transport.close().await;
            report::replayed(&open, &done, *dry_run)?;
        }
    }
    Ok(())
}

/// Returns the `named` letters or, without names, all waiting ones, in the order of the log.
fn choose(letters: &[Letter], of: &Of, named: &[Position]) -> Result<Vec<Letter>, DlqError> {
    for name in named {
        find(letters, *name)?;
    }
    let chosen = letters.iter().filter(|letter| match named {
        [] => of.includes(letter) && !letter.replayed,
        _ => named.contains(&letter.position),
    });
    Ok(chosen.cloned().collect())
}

fn find(letters: &[Letter], name: Position) -> Result<&Letter, DlqError> {
    letters.iter().find(|letter| letter.position == name).ok_or(DlqError::NoLetter(name))
}

impl Of {
    fn includes(&self, letter: &Letter) -> bool {
        self.consumer.as_ref().is_none_or(|consumer| *consumer == letter.consumer)
    }
}

impl Log {
    async fn open(&self) -> Result<OpenLog, DlqError> {
        let log = match &self.events_url {
            Some(log) => log.clone(),
            None => self.embedded()?,
        };
        let log = EventLog { kafka_security: self.kafka_security.clone(), ..log };
        let transport = connect(&log)
            .await
            .map_err(|error| DlqError::Log(format!("cannot use the event log {}", log.url), error))?;
        Ok(OpenLog { url: log.url.to_string(), transport })
    }

    /// The embedded log of the data directory; does not create a missing one.
    fn embedded(&self) -> Result<EventLog, DlqError> {
        if !self.data_dir.join("events.db").exists() {
            return Err(DlqError::NoLog(self.data_dir.clone()));
        }
        let url = DataDir::open(&self.data_dir)?.database_url("events");
        Ok(url.parse().expect("the URL of a path is valid"))
    }
}

struct OpenLog {
    url: String,
    transport: Arc<dyn Transport>,
}

impl OpenLog {
    async fn letters(&self) -> Result<Vec<Letter>, DlqError> {
        let read = letters(self.transport.as_ref()).await;
        read.map_err(|error| DlqError::Log(format!("cannot read the event log {}", self.url), error))
    }

    async fn replay(&self, letters: &[Letter]) -> Result<(), DlqError> {
        let failed =
            |error| DlqError::Log(format!("not all were replayed to {}; try again", self.url), error);
        replay(self.transport.as_ref(), letters).await.map_err(failed)
    }
}
