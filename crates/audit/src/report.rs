//! What an audit found.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::found::Violation;
use crate::kind::Kind;
use crate::refunds::{self, UnderWay};
use crate::story::Story;

/// What an audit is to do.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// How long nothing must have happened to a booking before what is wrong with it is wrong.
    pub settle: Duration,
    /// Stories kept at most; violations beyond them are only counted.
    pub shown: usize,
}

/// A booking that is wrong, and its whole story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub violations: Vec<Violation>,
    pub story: Story,
}

/// What there was to see, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Bookings of which any service knows something.
    pub bookings: u64,
    /// Those that look wrong, and to which something happened a moment ago.
    pub in_flight: u64,
    /// Refunds that the payment provider has not confirmed yet.
    pub refunds_under_way: u64,
    /// The first of them.
    pub under_way: Vec<UnderWay>,
    /// How much is wrong, by its kind.
    pub violations: BTreeMap<Kind, u64>,
    /// The first of it.
    pub findings: Vec<Finding>,
    /// Screenings whose places are wrong.
    pub screenings: Vec<Violation>,
    /// What was read of the provider's ledger, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerSeen>,
    /// What this audit could not see, a line each.
    pub not_seen: Vec<String>,
}

/// What an audit has read of the provider's ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LedgerSeen {
    /// Charges and refunds of this fleet.
    pub movements: u64,
    /// Charges and refunds of others that use the same provider. They were left alone.
    pub of_others: u64,
    /// The highest id of a booking of this fleet that the ledger knows; 0 when there is none.
    pub highest_booking: i64,
}

impl Report {
    /// How many things are wrong.
    pub fn total(&self) -> u64 {
        self.violations.values().sum()
    }

    /// Counts `story`, and its refund if one is under way.
    pub(crate) fn count(&mut self, story: &Story, terms: Terms) {
        self.bookings += 1;
        let Some(under_way) = refunds::under_way(story) else { return };
        self.refunds_under_way += 1;
        if self.under_way.len() < terms.shown {
            self.under_way.push(under_way);
        }
    }

    pub(crate) fn add(&mut self, story: Story, violations: Vec<Violation>, terms: Terms) {
        self.tally(&violations);
        if self.findings.len() < terms.shown {
            self.findings.push(Finding { violations, story });
        }
    }

    /// Counts `violations` of a booking that is not shown.
    pub(crate) fn tally(&mut self, violations: &[Violation]) {
        for violation in violations {
            *self.violations.entry(violation.kind).or_default() += 1;
        }
    }

    #[cfg(feature = "databases")]
    pub(crate) fn add_screening(&mut self, violation: Violation, terms: Terms) {
        *self.violations.entry(violation.kind).or_default() += 1;
        if self.screenings.len() < terms.shown {
            self.screenings.push(violation);
        }
    }
}
