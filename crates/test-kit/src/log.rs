//! Captures log lines.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};

/// The captured output.
#[derive(Default)]
struct Output(Mutex<Vec<u8>>);

impl Write for &Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that this thread logs, in the JSON format of a process. For tests whose runtime has one thread.
pub struct Log(Arc<Output>);

impl Log {
    /// Captures lines until the guard is dropped.
    pub fn capture() -> (Self, DefaultGuard) {
        // With a single subscriber, `tracing` caches whether a log line is enabled when any thread first
        // reaches it, and threads of other tests have no subscriber. With two subscribers, it asks them each
        // time.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(NoSubscriber::new()));
        let output = Arc::new(Output::default());
        let lines = tracing_subscriber::fmt().with_writer(output.clone());
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false).finish();
        (Self(output), set_default(lines))
    }

    /// Returns the lines whose message contains `text`.
    pub fn lines_with(&self, text: &str) -> Vec<Value> {
        let written = self.0.0.lock().unwrap();
        let lines = serde_json::Deserializer::from_slice(&written).into_iter().map(Result::unwrap);
        lines
            .filter(|line: &Value| line["message"].as_str().is_some_and(|message| message.contains(text)))
            .collect()
    }
}

/// Runs `work`, and asserts that the request log's line of `path` contains the id of `booking`.
pub async fn assert_names_booking(work: impl Future, path: &str, booking: i64) {
    let (log, guard) = Log::capture();
    work.await;
    drop(guard);
    let lines = log.lines_with(path);
    let begin = format!("GET {path} ");
    let is_of_request = |line: &&Value| line["message"].as_str().is_some_and(|text| text.starts_with(&begin));
    let line = lines.iter().find(is_of_request).unwrap_or_else(|| panic!("no line of {path} in {lines:?}"));
    assert_eq!(line["span"]["booking_id"], booking.to_string(), "{line}");
    assert!(line["span"]["request_id"].is_string() && line["span"]["trace_id"].is_string(), "{line}");
}
