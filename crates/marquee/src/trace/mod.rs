//! `marquee trace`: shows what each process did for one booking, and when.
//!
//! # Layout
//!
//! - [`collector`]: receives the spans of the fleet in the launcher, and answers this command.
//! - [`kept`]: the latest spans, in memory.
//! - `timeline`: formats the spans of a trace.

pub mod collector;
pub mod kept;
mod timeline;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::timeout;

use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError};
use crate::fleet;
use crate::output::{OutputError, print};
use crate::paint::Paint;
use crate::rest::{Rest, RestError};
use crate::runtime;
use kept::Step;

/// Maximum time until the launcher answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Which booking to show.
#[derive(clap::Args, Clone, Debug)]
pub struct Plan {
    /// The id of the booking.
    #[arg(value_name = "BOOKING", value_parser = clap::value_parser!(i64).range(1..))]
    pub booking: i64,

    /// Data directory of the fleet.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum TraceError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(
        "the fleet keeps no traces: it is not running, was not started by `marquee up`, or sends them to the collector in OTEL_EXPORTER_OTLP_ENDPOINT"
    )]
    NoCollector,
    #[error("the launcher does not answer")]
    NoAnswer(#[from] RestError),
    #[error("the launcher does not answer within {ANSWER_TIMEOUT:?}")]
    Late,
    #[error("the answer of the launcher is no list of traces")]
    Unreadable(#[from] serde_json::Error),
    #[error("there is no trace of booking {0}: it does not exist, or its spans were replaced by later ones")]
    NotFound(i64),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    runtime::run(runtime::one_thread(), show(plan))
}

async fn show(plan: &Plan) -> Result<(), TraceError> {
    let data_dir = DataDir::open_existing(&plan.data_dir)?;
    let base = fleet::collector_url(&data_dir).ok_or(TraceError::NoCollector)?;
    let (launcher, path) = (Rest::new(&base), format!("/bookings/{}/steps", plan.booking));
    let answer =
        timeout(ANSWER_TIMEOUT, launcher.get(&path)).await.map_err(|_elapsed| TraceError::Late)??;
    let traces: Vec<Vec<Step>> = serde_json::from_value(answer.body)?;
    if traces.is_empty() {
        return Err(TraceError::NotFound(plan.booking));
    }
    let paint = Paint::for_stream(&io::stdout());
    for trace in &traces {
        print(&timeline::of(trace, paint))?;
    }
    Ok(())
}
