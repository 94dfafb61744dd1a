//! Selects the lines of a process that need attention: warnings, errors, and lines that are not log lines, such
//! as a panic. All others, such as the requests, are only in the log file.

use std::time::Duration;

use tokio::time::Instant;

use crate::log_line::{Level, LogLine};

/// Maximum number of lines that one process shows within [`PERIOD`], so that it does not scroll everything else
/// off the terminal.
const LINES_PER_PERIOD: usize = 20;
const PERIOD: Duration = Duration::from_secs(60);
/// The module that logs one line for each request. A refused request is a warning, but not one of the fleet.
const REQUEST_LOG: &str = "http_server::request_log";

#[derive(Default)]
pub struct Attention {
    /// Begin of the current period, and the number of lines in it.
    period: Option<(Instant, usize)>,
}

#[derive(Default)]
pub struct Selected {
    pub lines: Vec<u8>,
    /// More lines need attention than are shown; true once in a period.
    pub limit_is_reached: bool,
}

impl Attention {
    /// Selects from complete lines.
    pub fn select(&mut self, lines: &[u8]) -> Selected {
        let mut selected = Selected::default();
        for line in lines.split_inclusive(|byte| *byte == b'\n').filter(|line| needs_attention(line)) {
            match self.count() {
                number if number <= LINES_PER_PERIOD => selected.lines.extend_from_slice(line),
                number if number == LINES_PER_PERIOD + 1 => selected.limit_is_reached = true,
                _ => {}
            }
        }
        selected
    }

    /// Counts a line, and returns its number within the period.
    fn count(&mut self) -> usize {
        let now = Instant::now();
        let period = self.period.get_or_insert((now, 0));
        if now.duration_since(period.0) >= PERIOD {
            *period = (now, 0);
        }
        period.1 += 1;
        period.1
    }
}

fn needs_attention(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    match LogLine::parse(&text).map(|line| line.level) {
        None | Some(Level::Error) => !text.trim().is_empty(),
        Some(Level::Warn) => !text.contains(REQUEST_LOG),
        Some(Level::Other) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str =
        "2026-11-30T13:26:21.000001Z  INFO request: http_server::request_log: POST /books 201 3.1 ms\n";
    const REFUSED: &str = "2026-11-30T13:26:21.000001Z  WARN request: http_server::request_log: POST /books 503 3.1 ms cause=\"gone\"\n";
    const FAILED: &str = "2026-11-30T13:26:21.000001Z ERROR request: http_server::request_log: POST /books 500 3.1 ms cause=\"bug\"\n";
    const WARNING: &str = "2026-11-30T13:26:21.000001Z  WARN upstream::breaker: payment is open\n";
    const PANIC: &str = "thread 'main' panicked at src/main.rs:1:1:\n";

    #[tokio::test]
    async fn warnings_errors_and_panics_are_selected_and_requests_are_not() {
        let all = [REQUEST, REFUSED, FAILED, WARNING, PANIC].concat();
        let selected = Attention::default().select(all.as_bytes());
        assert_eq!(String::from_utf8(selected.lines).unwrap(), [FAILED, WARNING, PANIC].concat());
        assert!(!selected.limit_is_reached);
    }

    #[tokio::test]
    async fn level_of_a_json_line_counts() {
        let info = r#"{"timestamp":"2026-11-30T13:26:21.000001Z","level":"INFO","message":"WARN"}"#;
        let warn = r#"{"timestamp":"2026-11-30T13:26:21.000001Z","level":"WARN","message":"x"}"#;
        let selected = Attention::default().select(format!("{info}\n{warn}\n").as_bytes());
        assert_eq!(String::from_utf8(selected.lines).unwrap(), format!("{warn}\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn many_warnings_are_cut_off_once_in_a_period() {
        let mut attention = Attention::default();
        let mut select = |count: usize| {
            let selected = attention.select(WARNING.repeat(count).as_bytes());
            (selected.lines.len() / WARNING.len(), selected.limit_is_reached)
        };
        assert_eq!(select(15), (15, false));
        assert_eq!(select(15), (5, true));
        assert_eq!(select(15), (0, false));
        tokio::time::advance(PERIOD).await;
        assert_eq!(select(1), (1, false));
    }
}
