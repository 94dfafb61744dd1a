//! What is wrong between a story and the provider's ledger. Pure.
//!
//! A payment that names no reference is left out: it charged nothing, or is from before there was a provider. The ledger is
//! asked for everything else, to the won.

use std::collections::BTreeMap;

use crate::found::Found;
use crate::kind::Kind;
use crate::story::{MovementRow, PaymentRow, Story};

const CHARGE: &str = "charge";
const REFUND: &str = "refund";

/// What became of one reference.
#[derive(Default)]
struct Account<'s> {
    charges: Vec<&'s MovementRow>,
    refunds: Vec<&'s MovementRow>,
}

/// Adds what is wrong with the charges of `story`, if the reader sees them.
pub fn violations(story: &Story, found: &mut Found) {
    let Some(movements) = &story.movements else { return };
    let accounts = accounts(movements, found);
    for (reference, account) in &accounts {
        account.balances(reference, found);
    }
    let standing: Vec<&str> =
        accounts.iter().filter(|(_, account)| account.stands()).map(|(reference, _)| *reference).collect();
    let charges: usize = accounts.values().map(Account::standing).sum();
    if charges > 1 {
        found.add(
            Kind::ChargeDoubled,
            format!("the provider keeps {charges} charges: {}", standing.join(", ")),
        );
    }
    if let Some(reference) = standing.first() {
        kept(story, reference, found);
    }
    for payment in &story.payments {
        named(story, payment, &accounts, found);
    }
}

fn accounts<'s>(movements: &'s [MovementRow], found: &mut Found) -> BTreeMap<&'s str, Account<'s>> {
    let mut accounts = BTreeMap::<&str, Account<'_>>::new();
    for movement in movements {
        let account = accounts.entry(&movement.reference).or_default();
        match movement.kind.as_str() {
            CHARGE => account.charges.push(movement),
            REFUND => account.refunds.push(movement),
            kind => {
                let detail = format!("the kind of movement {} is {kind:?}", movement.seq);
                found.add(Kind::RowUnreadable, detail);
            }
        }
    }
    accounts
}

impl Account<'_> {
    /// Charges that were not refunded.
    fn standing(&self) -> usize {
        self.charges.len().saturating_sub(self.refunds.len())
    }

    fn stands(&self) -> bool {
        self.standing() > 0
    }

    /// Every refund gives a charge back, and all of it.
    fn balances(&self, reference: &str, found: &mut Found) {
        if self.refunds.len() > self.charges.len() {
            let (charges, refunds) = (self.charges.len(), self.refunds.len());
            let detail =
                format!("the provider charged {reference} {charges} times, and refunded it {refunds} times");
            found.add(Kind::RefundUnfounded, detail);
        }
        for (charge, refund) in self.charges.iter().zip(&self.refunds) {
            if (charge.amount, &charge.currency) != (refund.amount, &refund.currency) {
                let detail = format!(
                    "the provider charged {} {} under {reference}, and refunded {} {}",
                    charge.amount, charge.currency, refund.amount, refund.currency
                );
                found.add(Kind::AmountWrong, detail);
            }
        }
    }
}

/// A charge stands: is there anything that it stands for, or that will bring it back?
fn kept(story: &Story, reference: &str, found: &mut Found) {
    // A booking that waits for its payment asks what became of it; until its hold has run out, nothing is wrong.
    let has_ended = ["", "Declined", "Expired", "Canceled"].contains(&story.status());
    let mut statuses = story.payments.iter().map(|payment| payment.status.as_str());
    if statuses.clone().any(|status| ["Paid", "Canceling"].contains(&status)) {
        // Payment has its own rules for money that it knows of.
    } else if let Some(status) = statuses.next() {
        let detail = format!("its payment is {status}, and the provider keeps the charge {reference}");
        found.add(Kind::RefundMissing, detail);
    } else if has_ended {
        let booking = if story.status().is_empty() { "not there" } else { story.status() };
        let detail = format!(
            "the provider keeps the charge {reference}, there is no payment, and the booking is {booking}"
        );
        found.add(Kind::ChargeOrphaned, detail);
    }
}

/// A payment that names its charge: the provider made it, at this price, and keeps it for as long as the payment does.
fn named(story: &Story, payment: &PaymentRow, accounts: &BTreeMap<&str, Account<'_>>, found: &mut Found) {
    let Some(reference) = payment.reference.as_deref() else { return };
    let account = accounts.get(reference);
    let Some(charge) = account.and_then(|account| account.charges.first()) else {
        if ["Paid", "Canceled"].contains(&payment.status.as_str()) {
            let detail =
                format!("its payment is {}, and the provider never charged {reference}", payment.status);
            found.add(Kind::ChargeMissing, detail);
        }
        return;
    };
    if charge.amount != payment.total_price {
        let detail = format!(
            "the provider charged {} under {reference}, and its payment is of {}",
            charge.amount, payment.total_price
        );
        found.add(Kind::AmountWrong, detail);
    }
    if payment.status == "Paid" && account.is_some_and(|account| !account.stands()) {
        let booking = if story.status().is_empty() { "not there" } else { story.status() };
        let detail =
            format!("the provider refunded {reference}, its payment is Paid, and the booking is {booking}");
        found.add(Kind::RefundUnfounded, detail);
    }
}

#[cfg(test)]
mod tests;
