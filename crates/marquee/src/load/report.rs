//! Prints the figures.

use std::io;
use std::time::Duration;

use super::clients::Answers;
use super::plan::Plan;
use super::verify::Processes;
use crate::output::{OutputError, print, printable};
use crate::paint::{BAD, GOOD, Paint};

/// Maximum number of differences to print; the rest is counted.
const SHOWN_DIFFERENCES: usize = 20;

pub fn answers(answers: &Answers, plan: &Plan) -> Result<(), OutputError> {
    let seconds = answers.took.as_secs_f64();
    let rate = plan.bookings as f64 / seconds;
    print(&format!("requests      {rate:.0} a second, {seconds:.2} s in total"))?;
    let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| answers.quantile(share).as_secs_f64() * 1e3);
    print(&format!("latency       p50 {p50:.1} ms, p90 {p90:.1} ms, p99 {p99:.1} ms, max {max:.1} ms"))?;
    for (kind, count) in &answers.by_status {
        print(&format!("answered      {count} times with {}", printable(kind)))?;
    }
    Ok(())
}

pub fn mypage(took: Option<Duration>) -> Result<(), OutputError> {
    match took {
        Some(took) => print(&format!("in mypage     the last booking {took:.2?} after the last answer")),
        None => print("in mypage     some bookings did not appear in time"),
    }
}

pub fn differences(
    differences: &[String],
    answers: &Answers,
    processes: &Processes,
) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    for difference in differences.iter().take(SHOWN_DIFFERENCES) {
        print(&paint.text(BAD, format_args!("difference    {}", printable(difference))))?;
    }
    if differences.len() > SHOWN_DIFFERENCES {
        let rest = differences.len() - SHOWN_DIFFERENCES;
        print(&paint.text(BAD, format_args!("difference    … and {rest} more")))?;
    }
    if differences.is_empty() {
        let booked = answers.booked.len();
        let and = if processes.are_known() { "; outboxes empty, no dead letters" } else { "" };
        print(&paint.text(
            GOOD,
            format_args!(
                "checked       {booked} bookings, each with one payment, ticket, points row and mypage row{and}"
            ),
        ))?;
    }
    Ok(())
}
