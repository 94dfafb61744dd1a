//! What a process reports about itself: log lines, metrics, and the trace that connects them across
//! processes.
//!
//! # Layout
//!
//! - [`init`], [`LogSettings`] (`logs`): the settings of the log and its subscriber.
//! - [`JsonLines`] (`json_lines`): formats a log line as a JSON object.
//! - [`readable()`]: formats that object for people.
//! - `log_lines`: buffers log lines and writes many at a time to standard output.
//! - [`outage`]: one line a minute about a dependency that fails, however many tasks need it.
//! - [`is_repeated`] (`repeats`): finds log lines that repeat.
//! - [`record`], [`render_metrics`], [`upkeep`] (`recorder`): the process-wide recorder of metrics.
//! - [`Span`] (`spans`): what the process contributes to a trace.
//! - [`distrust_callers`], [`exports_spans`] (`span_export`): sends spans to a collector, if the environment names one.
//! - [`trace_context`]: the W3C `traceparent` of a request or an event.
//! - [`chain`] (`error_chain`): an error and its sources on one line.

mod error_chain;
mod json_lines;
mod log_lines;
mod logs;
pub mod outage;
mod readable;
mod recorder;
mod repeats;
mod span_export;
mod spans;
pub mod trace_context;

pub use error_chain::chain;
pub use json_lines::JsonLines;
pub use logs::{LogFormat, LogSettings, flush, init};
pub use opentelemetry::trace::SpanKind;
pub use readable::{Colors, readable};
pub use recorder::{record, render_metrics, upkeep};
pub use repeats::is_repeated;
pub use span_export::{distrust_callers, exports_spans};
pub use spans::Span;
