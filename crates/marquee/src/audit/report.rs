//! Prints the report as text or as JSON.

use std::io;
use std::time::Duration;

use ::audit::{Finding, Report};
use audit_databases::repair::{Outcome, Repaired};
use serde_json::json;

use crate::output::{OutputError, print, printable, printable_json};
use crate::paint::{BAD, GOOD, Paint};

pub fn json(report: &Report, Outcome { repaired, left_alone }: &Outcome) -> Result<(), OutputError> {
    let mut whole = json!(report);
    whole["repaired"] = json!(repaired);
    whole["leftAlone"] = json!(left_alone);
    let text = serde_json::to_string_pretty(&whole).expect("rows are numbers and text under text keys");
    print(&printable_json(&text))
}

pub fn text(report: &Report, outcome: &Outcome, took: Duration) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    print(&format!("audited       {} bookings in {:.2} s", report.bookings, took.as_secs_f64()))?;
    if let Some(ledger) = report.ledger {
        let others = match ledger.of_others {
            0 => String::new(),
            others => format!(", and {others} of other fleets"),
        };
        print(&format!("ledger        {} charges and refunds{others}", ledger.movements))?;
    }
    for line in &report.not_seen {
        print(&format!("not checked   {}", printable(line)))?;
    }
    if report.in_flight > 0 {
        print(&format!("in progress   {} bookings; repeat the audit a little later", report.in_flight))?;
    }
    if report.refunds_under_way > 0 {
        print(&format!(
            "in progress   {} refunds that the provider has not confirmed",
            report.refunds_under_way
        ))?;
    }
    for refund in &report.under_way {
        print(&format!("              booking {}: {}", refund.booking_id, printable(&refund.detail)))?;
    }
    for finding in &report.findings {
        show(finding, paint)?;
    }
    for violation in &report.screenings {
        let detail = printable(&violation.detail);
        print(&paint.text(BAD, format_args!("violation     {}: {detail}", violation.kind)))?;
    }
    for Repaired { booking_id, kind, what } in &outcome.left_alone {
        let what = printable(what);
        print(&paint.text(BAD, format_args!("not repaired  booking {booking_id}, {kind}: {what}")))?;
    }
    for Repaired { booking_id, kind, what } in &outcome.repaired {
        let what = printable(what);
        print(&paint.text(GOOD, format_args!("repaired      booking {booking_id}, {kind}: {what}")))?;
    }
    for (kind, count) in &report.violations {
        print(&paint.text(BAD, format_args!("total         {count} times {kind}")))?;
    }
    if report.violations.is_empty() {
        print(&paint.text(GOOD, format_args!("passed        no violations")))?;
    }
    Ok(())
}

fn show(Finding { violations, story }: &Finding, paint: Paint) -> Result<(), OutputError> {
    for violation in violations {
        let (id, kind, detail) = (story.booking_id, violation.kind, printable(&violation.detail));
        print(&paint.text(BAD, format_args!("violation     booking {id}, {kind}: {detail}")))?;
    }
    print(&format!("              {}", printable_json(&json!(story).to_string())))
}
