//! A payment and every way it may go.
//!
//! ```text
//! nothing ─┬─▶ Paid ─▶ Canceling ─▶ Canceled
//!          └─▶ Canceling ─┬─▶ Voided
//!                         └─▶ Canceled, if a charge was on its way
//! ```
//!
//! The provider is the judge of what was charged. `Canceling` records that the provider has to cancel, and every such payment
//! is asked about until the provider has done it.

use events::{BookingId, Event, Paid, PaymentCanceled, PaymentId, Price, UnknownStatus};
use jiff::Timestamp;
use strum::{Display, EnumString};

use crate::domain::charge::Charge;
use crate::domain::reference::Reference;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// The provider charged the money.
    Paid,
    /// The provider has to refund the charge, or to refuse one that is still on its way.
    Canceling,
    /// The provider refunded the money. Final.
    Canceled,
    /// The booking ended before it was charged, and never will be. Final.
    Voided,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    row: Row,
}

/// All a payment consists of: how the store keeps it and how a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: PaymentId,
    pub booking_id: BookingId,
    pub total_price: Price,
    pub status: Status,
    /// The provider's charge. `None`: the provider charged nothing, or the payment is from before there was a provider.
    pub reference: Option<Reference>,
    /// A cancel in progress gives money back.
    pub taken: bool,
    /// When to ask the provider to cancel.
    pub ask_at: Option<Timestamp>,
}

/// A payment after a transition, and the event that others must receive, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub payment: Payment,
    pub event: Option<Event>,
}

/// Why a payment is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayRefused {
    #[error("the booking was already charged another price")]
    OtherPrice,
    #[error("the booking was canceled, so it can no longer be paid")]
    Voided,
}

impl Payment {
    /// A payment as the store found it.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    pub fn status(&self) -> Status {
        self.row.status
    }

    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The event of a payment in this state. `None`: the others wait for the end.
    pub fn event(&self) -> Option<Event> {
        let row = &self.row;
        let status = Some(row.status.to_string());
        match row.status {
            Status::Paid => Some(Event::from(Paid {
                id: row.id,
                booking_id: row.booking_id,
                status,
                total_price: Some(row.total_price.get()),
            })),
            Status::Canceling => None,
            Status::Canceled | Status::Voided => {
                Some(Event::from(PaymentCanceled { id: row.id, booking_id: row.booking_id, status }))
            }
        }
    }

    /// The same booking is to be paid again: the payment that was taken is the answer.
    ///
    /// # Errors
    ///
    /// When another price was charged, or the booking is canceled.
    pub fn repeat(self, charge: Charge) -> Result<Self, PayRefused> {
        match self.row.status {
            Status::Canceling | Status::Canceled | Status::Voided => Err(PayRefused::Voided),
            Status::Paid if self.row.total_price != charge.price => Err(PayRefused::OtherPrice),
            Status::Paid => Ok(self),
        }
    }

    /// The provider reports a charge for a booking that already has this payment.
    ///
    /// A payment that ended without a charge was ended by a version that did not ask the provider: the charge is canceled now.
    /// A cancel that began before the charge was known shows from now on what it gives back.
    #[must_use]
    pub fn charged(mut self, charge: Charge, reference: &Reference, now: Timestamp) -> Self {
        let row = &mut self.row;
        if row.reference.is_some() {
            return self;
        }
        match row.status {
            Status::Paid if row.total_price == charge.price => row.reference = Some(reference.clone()),
            Status::Canceled | Status::Voided => {
                row.status = Status::Canceling;
                row.total_price = charge.price;
                row.reference = Some(reference.clone());
                row.taken = true;
                row.ask_at = Some(now);
            }
            Status::Canceling if !row.taken => {
                row.total_price = charge.price;
                row.reference = Some(reference.clone());
                row.taken = true;
            }
            Status::Paid | Status::Canceling => {}
        }
        self
    }

    /// The money has to go back; the provider is asked at `ask_at`. What is being canceled, or was, stays as it is.
    #[must_use]
    pub fn cancel(mut self, ask_at: Timestamp) -> Change {
        if self.row.status == Status::Paid {
            self.row.status = Status::Canceling;
            self.row.taken = true;
            self.row.ask_at = Some(ask_at);
        }
        Change { payment: self, event: None }
    }

    /// The money has to go back because the ticket is void. The booking's cancel waits for the event, and ignored one that
    /// came before the cancel began: so a payment that has ended repeats its event.
    #[must_use]
    pub fn cancel_for_ticket(self, ask_at: Timestamp) -> Change {
        let payment = self.cancel(ask_at).payment;
        let event = payment.event();
        Change { payment, event }
    }

    /// The provider has canceled `reference`; it had charged `refunded` before, or nothing.
    #[must_use]
    pub fn end_cancel(mut self, reference: &Reference, refunded: Option<Price>) -> Change {
        let row = &mut self.row;
        if row.status != Status::Canceling {
            return Change { payment: self, event: None };
        }
        row.ask_at = None;
        if let Some(price) = refunded {
            row.reference = Some(reference.clone());
            if !row.taken {
                row.total_price = price;
            }
        }
        row.status = if row.taken || refunded.is_some() { Status::Canceled } else { Status::Voided };
        let event = self.event();
        Change { payment: self, event }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn payment(status: Status) -> Payment {
        Payment::restore(Row {
            id: PaymentId::new(7).unwrap(),
            booking_id: BookingId::new(1).unwrap(),
            total_price: Price::parse(10_000).unwrap(),
            status,
            reference: None,
            taken: false,
            ask_at: None,
        })
    }

    fn reference() -> Reference {
        Reference::restore("fleet-booking-1".to_owned())
    }

    fn charge(price: i64) -> Charge {
        Charge { booking_id: BookingId::new(1).unwrap(), price: Price::parse(price).unwrap() }
    }

    fn event_of(change: &Change) -> Option<&'static str> {
        change.event.as_ref().map(Event::event_type)
    }

    #[test]
    fn a_repeat_gets_what_was_taken_and_another_price_is_a_conflict() {
        let paid = payment(Status::Paid);
        assert_eq!(paid.clone().repeat(charge(10_000)), Ok(paid.clone()));
        assert_eq!(paid.repeat(charge(9_999)), Err(PayRefused::OtherPrice));
    }

    #[test]
    fn canceled_booking_is_not_paid_at_any_price() {
        for status in [Status::Canceling, Status::Canceled, Status::Voided] {
            for price in [10_000, 1] {
                assert_eq!(payment(status).repeat(charge(price)), Err(PayRefused::Voided));
            }
        }
    }

    #[test]
    fn void_ticket_is_answered_at_once_only_by_a_payment_that_has_ended() {
        for (before, after, event) in [
            (Status::Paid, Status::Canceling, None),
            (Status::Canceling, Status::Canceling, None),
            (Status::Canceled, Status::Canceled, Some("PaymentCanceled")),
            (Status::Voided, Status::Voided, Some("PaymentCanceled")),
        ] {
            let change = payment(before).cancel_for_ticket(NOW);
            assert_eq!((change.payment.status(), event_of(&change)), (after, event));
        }
    }

    #[test]
    fn payment_of_before_is_canceled_though_the_provider_never_charged_it() {
        let change = payment(Status::Paid).cancel(NOW).payment.end_cancel(&reference(), None);
        let row = change.payment.row();
        assert_eq!((row.status, row.reference.as_ref(), row.ask_at), (Status::Canceled, None, None));
        assert_eq!(event_of(&change), Some("PaymentCanceled"));
    }

    #[test]
    fn tombstone_is_voided_or_shows_the_charge_that_was_on_its_way() {
        let refunded = Some(Price::parse(700).unwrap());
        let change = payment(Status::Canceling).end_cancel(&reference(), refunded);
        let row = change.payment.row();
        assert_eq!((row.status, row.total_price.get()), (Status::Canceled, 700));
        assert_eq!(row.reference, Some(reference()));
        let change = payment(Status::Canceling).end_cancel(&reference(), None);
        assert_eq!((change.payment.status(), &change.payment.row().reference), (Status::Voided, &None));
    }

    #[test]
    fn cancel_of_a_charge_that_was_on_its_way_shows_the_price_before_it_ends() {
        let recalled = payment(Status::Canceling).charged(charge(700), &reference(), NOW);
        let row = recalled.row();
        assert_eq!((row.status, row.total_price.get(), row.taken), (Status::Canceling, 700, true));
        assert_eq!((row.reference.as_ref(), row.ask_at), (Some(&reference()), None));
        let ended = recalled.end_cancel(&reference(), Price::parse(700).ok()).payment;
        assert_eq!((ended.status(), ended.row().total_price.get()), (Status::Canceled, 700));
    }

    #[test]
    fn charge_under_an_end_that_did_not_ask_the_provider_is_canceled_again() {
        for status in [Status::Canceled, Status::Voided] {
            let recalled = payment(status).charged(charge(700), &reference(), NOW);
            assert_eq!((recalled.status(), recalled.row().ask_at), (Status::Canceling, Some(NOW)));
            let ended = recalled.end_cancel(&reference(), Price::parse(700).ok()).payment;
            assert_eq!(ended.status(), Status::Canceled);
            // The provider has spoken: a late record of the same charge changes nothing.
            assert_eq!(ended.clone().charged(charge(700), &reference(), NOW), ended);
        }
    }

    #[test]
    fn payment_of_before_gets_the_reference_of_its_own_charge_alone() {
        let paid = payment(Status::Paid);
        let known = paid.clone().charged(charge(10_000), &reference(), NOW);
        assert_eq!((known.status(), known.row().reference.as_ref()), (Status::Paid, Some(&reference())));
        assert_eq!(paid.clone().charged(charge(9_999), &reference(), NOW), paid);
        let canceling = known.cancel(NOW).payment;
        assert_eq!((canceling.status(), canceling.row().taken), (Status::Canceling, true));
        assert_eq!(canceling.clone().charged(charge(9_999), &reference(), NOW), canceling);
    }

    proptest! {
        /// However often a payment is canceled, by whom, with repeats in between: it ends once, and without a cancel that
        /// waits, its end is published once.
        #[test]
        fn no_order_of_words_ends_a_payment_twice(
            was_paid: bool,
            words in proptest::collection::vec(0..4_u8, 0..20),
        ) {
            let mut payment = payment(if was_paid { Status::Paid } else { Status::Canceling });
            let (mut ended, mut told) = (0, 0);
            for word in &words {
                let before = payment.status();
                let change = match word {
                    0 => payment.cancel(NOW),
                    1 => payment.cancel_for_ticket(NOW),
                    2 => payment.end_cancel(&reference(), was_paid.then(|| Price::parse(10_000).unwrap())),
                    _ => {
                        let repeated = payment.clone().repeat(charge(10_000));
                        prop_assert_eq!(repeated.is_ok(), payment.status() == Status::Paid);
                        continue;
                    }
                };
                let is_final = |status| matches!(status, Status::Canceled | Status::Voided);
                told += u32::from(*word != 1 && change.event.is_some());
                ended += u32::from(is_final(change.payment.status()) && !is_final(before));
                prop_assert!(!is_final(before) || change.payment.status() == before);
                payment = change.payment;
            }
            prop_assert!(ended <= 1);
            prop_assert_eq!(told, ended);
        }
    }
}
