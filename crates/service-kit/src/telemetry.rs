//! Logs for people or for machines, and the metrics recorder.

use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::sleep;
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Server};
use crate::log_lines::LogLines;

/// Upper bounds of the latency histograms, in seconds.
const LATENCY_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Histograms keep every value until it is counted into its bucket; this often it is.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The lines of this process.
static LINES: OnceLock<Arc<LogLines>> = OnceLock::new();

/// Starts logging as `server` asks. Before the process ends, [`flush`] is to be called.
///
/// # Errors
///
/// What is wrong with the log filter.
pub fn init(server: &Server) -> Result<(), String> {
    let filter = EnvFilter::try_new(&server.log_filter)
        .map_err(|error| format!("RUST_LOG (--log-filter): {error}"))?;
    let pretty = match server.log_format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stdout().is_terminal(),
    };
    let lines = LogLines::to(std::io::stdout()).map_err(|error| error.to_string())?;
    let lines = LINES.get_or_init(|| lines).clone();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    if pretty {
        lines.compact().with_ansi(std::io::stdout().is_terminal()).init();
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).init();
    }
    record();
    Ok(())
}

/// Writes the lines that are not written yet.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// From here on metrics are recorded: a handle made earlier never is.
pub fn record() {
    recorder();
}

/// The text of `/metrics`.
pub fn render_metrics() -> String {
    let recorder = recorder();
    recorder.run_upkeep();
    recorder.render()
}

/// Keeps the recorder small in a process whose `/metrics` nobody reads, for as long as the process runs.
pub async fn upkeep() {
    loop {
        sleep(UPKEEP_INTERVAL).await;
        recorder().run_upkeep();
    }
}

/// The process-wide recorder, installed on first use.
fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &LATENCY_BUCKETS)
            .expect("the bucket list is not empty")
            .install_recorder()
            .expect("nothing else installs a recorder")
    })
}
