//! What was found, for a person and as JSON.

use std::io::{self, Write};
use std::time::Duration;

use ::audit::repair::Repaired;
use ::audit::{Finding, Report};
use serde_json::json;

use crate::paint::{BAD, GOOD, Paint};

pub fn json(report: &Report, repaired: &[Repaired]) {
    let mut told = json!(report);
    told["repaired"] = json!(repaired);
    let text = serde_json::to_string_pretty(&told).expect("rows are numbers and text under text keys");
    print(&text);
}

pub fn text(report: &Report, repaired: &[Repaired], took: Duration) {
    let paint = Paint::for_stream(&io::stdout());
    print(&format!("audited       {} bookings in {:.2} s", report.bookings, took.as_secs_f64()));
    for line in &report.not_seen {
        print(&format!("not seen      {line}"));
    }
    if report.in_flight > 0 {
        print(&format!("in flight     {} bookings; look again a little later", report.in_flight));
    }
    for finding in &report.findings {
        show(finding, paint);
    }
    for violation in &report.screenings {
        print(&paint.text(BAD, format_args!("wrong         {}: {}", violation.kind, violation.detail)));
    }
    for Repaired { booking_id, kind, what } in repaired {
        print(&paint.text(GOOD, format_args!("repaired      booking {booking_id}, {kind}: {what}")));
    }
    for (kind, count) in &report.violations {
        print(&paint.text(BAD, format_args!("in all        {count} times {kind}")));
    }
    if report.violations.is_empty() {
        print(&paint.text(GOOD, format_args!("right         no violations")));
    }
}

fn show(Finding { violations, story }: &Finding, paint: Paint) {
    for violation in violations {
        let (id, kind) = (story.booking_id, violation.kind);
        print(&paint.text(BAD, format_args!("wrong         booking {id}, {kind}: {}", violation.detail)));
    }
    print(&format!("              {}", json!(story)));
}

fn print(line: &str) {
    // A reader that has seen enough is no failure.
    let _ = writeln!(io::stdout(), "{line}");
}
