//! Captures log lines.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use telemetry::JsonLines;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing_subscriber::layer::SubscriberExt;

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
        let lines = tracing_subscriber::registry().with(JsonLines::new("test", output.clone()));
        (Self(output), set_default(lines))
    }

    /// Returns all lines.
    pub fn lines(&self) -> Vec<Value> {
        let written = self.0.0.lock().unwrap();
        serde_json::Deserializer::from_slice(&written).into_iter().map(Result::unwrap).collect()
    }

    /// Returns the lines whose message contains `text`.
    pub fn lines_with(&self, text: &str) -> Vec<Value> {
        let mut lines = self.lines();
        lines.retain(|line| line["message"].as_str().is_some_and(|message| message.contains(text)));
        lines
    }
}

/// Runs `work`, and asserts that the request log's line of `path` contains the id of `booking`.
pub async fn assert_names_booking(work: impl Future, path: &str, booking: i64) {
    let (log, guard) = Log::capture();
    work.await;
    drop(guard);
    let lines = log.lines();
    let is_of_request = |line: &&Value| line["http.request.method"] == "GET" && line["url.path"] == path;
    let line = lines.iter().find(is_of_request).unwrap_or_else(|| panic!("no line of {path} in {lines:?}"));
    assert_eq!(line["message"], "answered a request", "{line}");
    assert_eq!(line["booking_id"], booking, "{line}");
    assert!(line["request_id"].is_string() && line["trace_id"].is_string(), "{line}");
    assert!(line["http.response.status_code"].is_u64() && line["duration_ms"].is_number(), "{line}");
}
