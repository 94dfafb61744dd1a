//! The log: its settings, and the subscriber that writes it.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::json_lines::JsonLines;
use crate::log_lines::LogLines;
use crate::readable::Colors;
use crate::recorder::record;
use crate::span_export;

/// The log lines of this process.
static LINES: OnceLock<Arc<LogLines>> = OnceLock::new();

/// What a process logs, and how.
#[derive(clap::Args, Clone, Debug)]
pub struct LogSettings {
    /// `pretty` for people, `json` for machines, `auto`: pretty on a terminal and JSON elsewhere.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "auto")]
    pub log_format: LogFormat,

    /// Which log lines to write: a level, or levels per module, such as `info,storage=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Pretty,
    Json,
}

/// Starts the log and the export of spans of the process `service`, and installs the recorder of metrics. Call
/// [`flush`] before the process ends.
///
/// # Errors
///
/// What is wrong with the log filter, or with a setting of the export.
pub fn init(service: &str, settings: &LogSettings) -> Result<(), String> {
    let filter = EnvFilter::try_new(&settings.log_filter)
        .map_err(|error| format!("RUST_LOG (--log-filter): {error}"))?;
    let pretty = match settings.log_format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stdout().is_terminal(),
    };
    let lines = LogLines::to(std::io::stdout()).map_err(|error| error.to_string())?;
    let lines = LINES.get_or_init(|| lines).clone();
    let lines = JsonLines::new(service, lines);
    let lines = if pretty {
        lines.for_people(if std::io::stdout().is_terminal() { Colors::On } else { Colors::Off })
    } else {
        lines
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    record();
    span_export::start(service)
}

/// Sends the last spans, and writes the lines that are still buffered.
pub fn flush() {
    span_export::stop();
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}
