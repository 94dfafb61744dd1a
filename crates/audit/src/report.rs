//! The result of an audit.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::found::Violation;
use crate::kind::Kind;
use crate::refunds::{self, UnderWay};
use crate::story::Story;

/// The parameters of an audit.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Bookings that changed within this time are not reported, because they may be in flight.
    pub settle: Duration,
    /// Maximum number of stories to keep. Violations in other stories are only counted.
    pub shown: usize,
}

/// A booking with violations, and its complete story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub violations: Vec<Violation>,
    pub story: Story,
}

/// The result of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Number of bookings of which any service has a row.
    pub bookings: u64,
    /// Number of bookings that look wrong, but changed within the settling time.
    pub in_flight: u64,
    /// Number of refunds that the payment provider has not confirmed yet.
    pub refunds_under_way: u64,
    /// The first of these refunds.
    pub under_way: Vec<UnderWay>,
    /// Number of violations by kind.
    pub violations: BTreeMap<Kind, u64>,
    /// The first bookings with violations.
    pub findings: Vec<Finding>,
    /// The first screenings with violations.
    pub screenings: Vec<Violation>,
    /// What the audit has read of the provider's ledger, if it could read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerSeen>,
    /// What this audit could not see, one line for each.
    pub not_seen: Vec<String>,
}

/// What an audit has read of the provider's ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerSeen {
    /// Number of charges and refunds of this fleet.
    pub movements: u64,
    /// Number of charges and refunds of other fleets at the same provider, which were ignored.
    pub of_others: u64,
    /// The highest booking id of this fleet in the ledger, or 0 if there is none.
    pub highest_booking: i64,
}

impl Report {
    /// The total number of violations.
    pub fn total(&self) -> u64 {
        self.violations.values().sum()
    }

    /// Counts `story`, and its refund if one is under way.
    pub fn count(&mut self, story: &Story, terms: Terms) {
        self.bookings += 1;
        let Some(under_way) = refunds::under_way(story) else { return };
        self.refunds_under_way += 1;
        if self.under_way.len() < terms.shown {
            self.under_way.push(under_way);
        }
    }

    /// Adds the violations of `story`, and keeps the story unless the report is full.
    pub fn add(&mut self, story: Story, violations: Vec<Violation>, terms: Terms) {
        self.tally(&violations);
        if self.findings.len() < terms.shown {
            self.findings.push(Finding { violations, story });
        }
    }

    /// Counts `violations` without keeping their story.
    pub(crate) fn tally(&mut self, violations: &[Violation]) {
        for violation in violations {
            *self.violations.entry(violation.kind).or_default() += 1;
        }
    }

    /// Adds the violation of a screening, and keeps it unless the report is full.
    pub fn add_screening(&mut self, violation: Violation, terms: Terms) {
        *self.violations.entry(violation.kind).or_default() += 1;
        if self.screenings.len() < terms.shown {
            self.screenings.push(violation);
        }
    }
}
