//! What a process reports about itself: log lines, metrics, and the trace that connects them across
//! processes.
//!
//! # Layout
//!
//! - [`init`], [`LogSettings`] (`logs`): the settings of the log and its subscriber.
//! - `log_lines`: buffers log lines and writes many at a time to standard output.
//! - [`record`], [`render_metrics`], [`upkeep`] (`recorder`): the process-wide recorder of metrics.
//! - [`trace_context`]: the W3C `traceparent` of a request or an event.
//! - [`chain`] (`error_chain`): an error and its sources on one line.

mod error_chain;
mod log_lines;
mod logs;
mod recorder;
pub mod trace_context;

pub use error_chain::chain;
pub use logs::{LogFormat, LogSettings, flush, init};
pub use recorder::{record, render_metrics, upkeep};
