//! What was found, for a person and as JSON.

use std::io;
use std::time::Duration;

use ::audit::repair::Repaired;
use ::audit::{Finding, Report};
use serde_json::json;

use crate::output::{OutputError, print, printable, printable_json};
use crate::paint::{BAD, GOOD, Paint};

pub fn json(report: &Report, repaired: &[Repaired]) -> Result<(), OutputError> {
    let mut whole = json!(report);
    whole["repaired"] = json!(repaired);
    let text = serde_json::to_string_pretty(&whole).expect("rows are numbers and text under text keys");
    print(&printable_json(&text))
}

pub fn text(report: &Report, repaired: &[Repaired], took: Duration) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    print(&format!("audited       {} bookings in {:.2} s", report.bookings, took.as_secs_f64()))?;
    for line in &report.not_seen {
        print(&format!("not seen      {}", printable(line)))?;
    }
    if report.in_flight > 0 {
        print(&format!("in flight     {} bookings; look again a little later", report.in_flight))?;
    }
    for finding in &report.findings {
        show(finding, paint)?;
    }
    for violation in &report.screenings {
        let detail = printable(&violation.detail);
        print(&paint.text(BAD, format_args!("wrong         {}: {detail}", violation.kind)))?;
    }
    for Repaired { booking_id, kind, what } in repaired {
        let what = printable(what);
        print(&paint.text(GOOD, format_args!("repaired      booking {booking_id}, {kind}: {what}")))?;
    }
    for (kind, count) in &report.violations {
        print(&paint.text(BAD, format_args!("in all        {count} times {kind}")))?;
    }
    if report.violations.is_empty() {
        print(&paint.text(GOOD, format_args!("right         no violations")))?;
    }
    Ok(())
}

fn show(Finding { violations, story }: &Finding, paint: Paint) -> Result<(), OutputError> {
    for violation in violations {
        let (id, kind, detail) = (story.booking_id, violation.kind, printable(&violation.detail));
        print(&paint.text(BAD, format_args!("wrong         booking {id}, {kind}: {detail}")))?;
    }
    print(&format!("              {}", printable_json(&json!(story).to_string())))
}
