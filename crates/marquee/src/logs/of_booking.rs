//! Selects the lines of one booking.
//!
//! Most lines name the booking. The gateway does not know the id of a booking that is being made, so its line
//! is found by its trace, which the lines of the services have too.

use std::collections::HashSet;

use crate::log_line::LogLine;

pub struct OfBooking {
    booking: i64,
    traces: HashSet<String>,
}

impl OfBooking {
    pub fn new(booking: i64) -> Self {
        Self { booking, traces: HashSet::new() }
    }

    /// Remembers the trace of a line that names the booking.
    pub fn learn(&mut self, text: &str) {
        if let Some(line) = LogLine::parse(text)
            && line.is_of(self.booking) == Some(true)
            && let Some(trace) = line.trace()
            && !self.traces.contains(trace)
        {
            self.traces.insert(trace.to_owned());
        }
    }

    /// Whether a line names the booking, or names none and belongs to one of its traces.
    pub fn selects(&self, text: &str) -> bool {
        let Some(line) = LogLine::parse(text) else { return false };
        line.is_of(self.booking)
            .unwrap_or_else(|| line.trace().is_some_and(|trace| self.traces.contains(trace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_without_an_id_is_found_by_its_trace() {
        let line = |text: &str| format!("2026-11-30T13:26:21Z  INFO request: log: {text}");
        let gateway = line("POST /books 201 trace_id=\"a\"");
        let mut of = OfBooking::new(12);
        assert!(!of.selects(&gateway));
        of.learn(&line("POST /books 201 trace_id=\"a\" booking_id=12"));
        of.learn(&line("POST /books 201 trace_id=\"b\" booking_id=13"));
        assert!(of.selects(&gateway));
        assert!(!of.selects(&line("POST /books 201 trace_id=\"b\"")));
        // A client may send several requests in one trace.
        assert!(!of.selects(&line("POST /books 201 trace_id=\"a\" booking_id=14")));
        assert!(!of.selects("not a log line trace_id=\"a\""));
    }
}
