//! The violations between a story and the provider's ledger. Pure.
//!
//! Every payment with a reference must match the ledger to the won. A payment without a reference charged
//! nothing, or is older than the provider.

use std::collections::BTreeMap;

use crate::found::Found;
use crate::kind::Kind;
use crate::story::{MovementRow, PaymentRow, Story};

const CHARGE: &str = "charge";
const REFUND: &str = "refund";

/// The movements of one reference.
#[derive(Default)]
struct Account<'s> {
    charges: Vec<&'s MovementRow>,
    refunds: Vec<&'s MovementRow>,
}

/// Adds the violations between `story` and its charges, if the reader sees the ledger.
pub fn violations(story: &Story, found: &mut Found) {
    let Some(movements) = &story.movements else { return };
    let accounts = accounts(movements, found);
    for (reference, account) in &accounts {
        account.compare_refunds(reference, found);
    }
    let kept: Vec<&str> =
        accounts.iter().filter(|(_, account)| account.is_kept()).map(|(reference, _)| *reference).collect();
    let charges: usize = accounts.values().map(Account::kept).sum();
    if charges > 1 {
        found.add(Kind::ChargeDoubled, format!("the provider keeps {charges} charges: {}", kept.join(", ")));
    }
    if let Some(reference) = kept.first() {
        kept_charge(story, reference, found);
    }
    for payment in &story.payments {
        compare_payment(story, payment, &accounts, found);
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
                let detail = format!("movement {} in the ledger has the unknown kind {kind:?}", movement.seq);
                found.add(Kind::RowUnreadable, detail);
            }
        }
    }
    accounts
}

impl Account<'_> {
    /// Number of charges that were not refunded.
    fn kept(&self) -> usize {
        self.charges.len().saturating_sub(self.refunds.len())
    }

    fn is_kept(&self) -> bool {
        self.kept() > 0
    }

    /// Every refund has a charge, and refunds all of it.
    fn compare_refunds(&self, reference: &str, found: &mut Found) {
        if self.refunds.len() > self.charges.len() {
            let (charges, refunds) = (self.charges.len(), self.refunds.len());
            let detail =
                format!("the provider charged {reference} {charges} times but refunded it {refunds} times");
            found.add(Kind::RefundUnfounded, detail);
        }
        for (charge, refund) in self.charges.iter().zip(&self.refunds) {
            if (charge.amount, &charge.currency) != (refund.amount, &refund.currency) {
                let detail = format!(
                    "the provider charged {} {} under {reference} but refunded {} {}",
                    charge.amount, charge.currency, refund.amount, refund.currency
                );
                found.add(Kind::AmountWrong, detail);
            }
        }
    }
}

/// A kept charge has a payment or a booking, which justifies it or leads to its refund.
fn kept_charge(story: &Story, reference: &str, found: &mut Found) {
    // Book asks payment about a booking that waits for its payment, so its charge is right until its hold
    // expires.
    let has_ended = ["", "Declined", "Expired", "Canceled"].contains(&story.status());
    let mut statuses = story.payments.iter().map(|payment| payment.status.as_str());
    if statuses.clone().any(|status| ["Paid", "Canceling"].contains(&status)) {
        // The rules on payments and bookings cover this payment.
    } else if let Some(status) = statuses.next() {
        let detail = format!("the payment is {status}, but the provider keeps the charge {reference}");
        found.add(Kind::RefundMissing, detail);
    } else if has_ended {
        let booking = story.status_text();
        let detail = format!(
            "the provider keeps the charge {reference}, but there is no payment, and the booking is {booking}"
        );
        found.add(Kind::ChargeOrphaned, detail);
    }
}

/// The charge that a payment names exists, has the price of the payment, and is kept as long as the payment.
fn compare_payment(
    story: &Story,
    payment: &PaymentRow,
    accounts: &BTreeMap<&str, Account<'_>>,
    found: &mut Found,
) {
    let Some(reference) = payment.reference.as_deref() else { return };
    let account = accounts.get(reference);
    let Some(charge) = account.and_then(|account| account.charges.first()) else {
        if ["Paid", "Canceled"].contains(&payment.status.as_str()) {
            let detail =
                format!("the payment is {}, but the provider never charged {reference}", payment.status);
            found.add(Kind::ChargeMissing, detail);
        }
        return;
    };
    if charge.amount != payment.total_price {
        let detail = format!(
            "the provider charged {} under {reference}, but the payment has {}",
            charge.amount, payment.total_price
        );
        found.add(Kind::AmountWrong, detail);
    }
    if payment.status == "Paid" && account.is_some_and(|account| !account.is_kept()) {
        let booking = story.status_text();
        let detail = format!(
            "the provider refunded {reference}, but the payment is Paid, and the booking is {booking}"
        );
        found.add(Kind::RefundUnfounded, detail);
    }
}

#[cfg(test)]
mod tests;
