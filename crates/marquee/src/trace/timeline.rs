//! Formats a trace: one line for each span, indented below its parent.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::kept::{MAX_SHOWN, Step};
use crate::output::printable;
use crate::paint::{BAD, Paint};

/// Formats the spans of one trace, which are in the order of time.
pub fn of(trace: &[Step], paint: Paint) -> String {
    let begin = trace.first().map_or(0, |step| step.start_ns);
    let end = trace.iter().map(|step| step.end_ns).max().unwrap_or(begin);
    let id = trace.first().map_or("", |step| &step.trace_id);
    let shown = if trace.len() < MAX_SHOWN { "" } else { "only the first " };
    let mut text = format!(
        "trace {}, {shown}{} spans, {:.1} ms\n",
        printable(id),
        trace.len(),
        ms(end.saturating_sub(begin))
    );
    for (step, depth) in trace.iter().zip(depths(trace)) {
        let facts = step.facts.iter().map(|fact| format!(" {}", printable(fact))).collect::<String>();
        let line = format!(
            "{:>9.1} ms {:>9.1} ms  {:indent$}{}  {}{facts}",
            ms(step.start_ns.saturating_sub(begin)),
            ms(step.end_ns.saturating_sub(step.start_ns)),
            "",
            printable(&step.service),
            printable(&step.name),
            indent = 2 * depth,
        );
        text.push_str(&line);
        if let Some(error) = &step.error {
            let _ = write!(text, "  {}", paint.text(BAD, format!("failed: {}", printable(error))));
        }
        text.push('\n');
    }
    text
}

/// How many of the trace's spans are above each one.
fn depths(trace: &[Step]) -> Vec<usize> {
    let by_id: HashMap<&str, &Step> = trace.iter().map(|step| (step.span_id.as_str(), step)).collect();
    let above = |step: &Step| {
        let parents = std::iter::successors(by_id.get(step.parent_id.as_str()), |parent| {
            by_id.get(parent.parent_id.as_str())
        });
        // A process may send anything, also a circle.
        parents.take(trace.len()).count()
    };
    trace.iter().map(above).collect()
}

/// Nanoseconds in milliseconds.
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, parent: &str, start_ms: u64, end_ms: u64) -> Step {
        Step {
            span_id: id.to_owned(),
            parent_id: parent.to_owned(),
            service: id.to_owned(),
            name: "POST /books".to_owned(),
            start_ns: start_ms * 1_000_000,
            end_ns: end_ms * 1_000_000,
            ..Step::default()
        }
    }

    #[test]
    fn spans_stand_below_their_parents() {
        let trace = [
            step("gateway", "of the client", 100, 150),
            step("book", "gateway", 110, 140),
            step("x", "book", 120, 160),
        ];
        let lines: Vec<&str> = "\
trace , 3 spans, 60.0 ms
      0.0 ms      50.0 ms  gateway  POST /books
     10.0 ms      30.0 ms    book  POST /books
     20.0 ms      40.0 ms      x  POST /books"
            .lines()
            .collect();
        assert_eq!(of(&trace, Paint::none()).lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn span_that_ends_before_it_began_lasts_no_time() {
        let text = of(&[step("x", "", 2, 1)], Paint::none());
        assert!(text.starts_with("trace , 1 spans, 0.0 ms\n"), "{text}");
    }

    #[test]
    fn circle_of_spans_ends() {
        assert_eq!(depths(&[step("a", "b", 0, 1), step("b", "a", 0, 1)]), [2, 2]);
    }
}
