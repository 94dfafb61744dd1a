//! A payment and its transitions.
//!
//! ```text
//! nothing ─┬─▶ Paid ─▶ Canceling ─▶ Canceled
//!          └─▶ Canceling ─┬─▶ Voided
//!                         └─▶ Canceled, if a charge arrived first
//! ```
//!
//! The provider decides what was charged. `Canceling` records that the provider must cancel; the refunder
//! retries the cancellation until the provider confirms.

use events::{BookingId, Event, Paid, PaymentCanceled, PaymentId, Price, UnknownStatus};
use jiff::Timestamp;
use strum::{Display, EnumString};

use crate::domain::charge::Charge;
use crate::domain::reference::Reference;

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// The provider charged the money.
    Paid,
    /// The provider must refund the charge, or reject one that may still arrive.
    Canceling,
    /// The provider refunded the money. Final.
    Canceled,
    /// The booking was canceled before it was charged, and is never charged. Final.
    Voided,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    row: Row,
}

/// All fields of a payment, for the store and for responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: PaymentId,
    pub booking_id: BookingId,
    pub total_price: Price,
    pub status: Status,
    /// The reference of the provider's charge. `None` if the provider charged nothing, or an earlier version
    /// without a provider took the payment.
    pub reference: Option<Reference>,
    /// Whether the cancellation of this payment refunds money.
    pub is_refund: bool,
    /// When the refunder next asks the provider to cancel.
    pub cancel_at: Option<Timestamp>,
}

/// A payment after a transition, and the event to publish, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub payment: Payment,
    pub event: Option<Event>,
}

/// Why a payment is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayRefused {
    #[error("the booking was already charged a different price")]
    PriceConflict,
    #[error("the booking was canceled, so it can no longer be paid")]
    Voided,
}

impl Payment {
    /// A payment read from the database.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    pub fn status(&self) -> Status {
        self.row.status
    }

    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Returns the event that publishes this state, or `None` for a cancellation that has not ended.
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

    /// The existing payment, for a repeated request to charge the booking.
    ///
    /// # Errors
    ///
    /// When a different price was charged, or the booking is canceled.
    pub fn repeat(self, charge: Charge) -> Result<Self, PayRefused> {
        match self.row.status {
            Status::Canceling | Status::Canceled | Status::Voided => Err(PayRefused::Voided),
            Status::Paid if self.row.total_price != charge.price => Err(PayRefused::PriceConflict),
            Status::Paid => Ok(self),
        }
    }

    /// Records a charge that the provider reports for a booking that already has this payment.
    ///
    /// If the payment has ended without a reference, an earlier version ended it without the provider, so the
    /// charge is canceled now. If a cancellation began before the charge was known, the payment shows the
    /// amount that is refunded from now on.
    #[must_use]
    pub fn record_charge(mut self, charge: Charge, reference: &Reference, now: Timestamp) -> Self {
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
                row.is_refund = true;
                row.cancel_at = Some(now);
            }
            Status::Canceling if !row.is_refund => {
                row.total_price = charge.price;
                row.reference = Some(reference.clone());
                row.is_refund = true;
            }
            Status::Paid | Status::Canceling => {}
        }
        self
    }

    /// Begins to cancel; the refunder asks the provider at `cancel_at`. A payment that is being canceled, or
    /// has ended, does not change.
    #[must_use]
    pub fn cancel(mut self, cancel_at: Timestamp) -> Change {
        if self.row.status == Status::Paid {
            self.row.status = Status::Canceling;
            self.row.is_refund = true;
            self.row.cancel_at = Some(cancel_at);
        }
        Change { payment: self, event: None }
    }

    /// Begins to cancel because the ticket is void. The cancellation of the booking waits for
    /// `PaymentCanceled`, and has ignored one that came before the cancellation began, so a payment that has
    /// already ended repeats its event.
    #[must_use]
    pub fn cancel_for_ticket(self, cancel_at: Timestamp) -> Change {
        let payment = self.cancel(cancel_at).payment;
        let event = payment.event();
        Change { payment, event }
    }

    /// Ends the cancellation, after the provider has canceled `reference`. `refunded`: the amount that the
    /// provider had charged.
    #[must_use]
    pub fn end_cancel(mut self, reference: &Reference, refunded: Option<Price>) -> Change {
        let row = &mut self.row;
        if row.status != Status::Canceling {
            return Change { payment: self, event: None };
        }
        row.cancel_at = None;
        if let Some(price) = refunded {
            row.reference = Some(reference.clone());
            if !row.is_refund {
                row.total_price = price;
            }
        }
        row.status = if row.is_refund || refunded.is_some() { Status::Canceled } else { Status::Voided };
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
            is_refund: false,
            cancel_at: None,
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
    fn repeated_charge_returns_the_payment_and_a_different_price_is_a_conflict() {
        let paid = payment(Status::Paid);
        assert_eq!(paid.clone().repeat(charge(10_000)), Ok(paid.clone()));
        assert_eq!(paid.repeat(charge(9_999)), Err(PayRefused::PriceConflict));
    }

    #[test]
    fn canceled_booking_cannot_be_paid_at_any_price() {
        for status in [Status::Canceling, Status::Canceled, Status::Voided] {
            for price in [10_000, 1] {
                assert_eq!(payment(status).repeat(charge(price)), Err(PayRefused::Voided));
            }
        }
    }

    #[test]
    fn void_ticket_repeats_the_event_only_of_an_ended_payment() {
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
    fn payment_of_an_earlier_version_is_canceled_without_a_charge() {
        let change = payment(Status::Paid).cancel(NOW).payment.end_cancel(&reference(), None);
        let row = change.payment.row();
        assert_eq!((row.status, row.reference.as_ref(), row.cancel_at), (Status::Canceled, None, None));
        assert_eq!(event_of(&change), Some("PaymentCanceled"));
    }

    #[test]
    fn tombstone_is_voided_or_shows_the_refunded_charge() {
        let refunded = Some(Price::parse(700).unwrap());
        let change = payment(Status::Canceling).end_cancel(&reference(), refunded);
        let row = change.payment.row();
        assert_eq!((row.status, row.total_price.get()), (Status::Canceled, 700));
        assert_eq!(row.reference, Some(reference()));
        let change = payment(Status::Canceling).end_cancel(&reference(), None);
        assert_eq!((change.payment.status(), &change.payment.row().reference), (Status::Voided, &None));
    }

    #[test]
    fn running_cancel_shows_the_price_of_a_late_charge() {
        let canceling = payment(Status::Canceling).record_charge(charge(700), &reference(), NOW);
        let row = canceling.row();
        assert_eq!((row.status, row.total_price.get(), row.is_refund), (Status::Canceling, 700, true));
        assert_eq!((row.reference.as_ref(), row.cancel_at), (Some(&reference()), None));
        let ended = canceling.end_cancel(&reference(), Price::parse(700).ok()).payment;
        assert_eq!((ended.status(), ended.row().total_price.get()), (Status::Canceled, 700));
    }

    #[test]
    fn charge_of_a_payment_that_ended_without_the_provider_is_canceled() {
        for status in [Status::Canceled, Status::Voided] {
            let canceling = payment(status).record_charge(charge(700), &reference(), NOW);
            assert_eq!((canceling.status(), canceling.row().cancel_at), (Status::Canceling, Some(NOW)));
            let ended = canceling.end_cancel(&reference(), Price::parse(700).ok()).payment;
            assert_eq!(ended.status(), Status::Canceled);
            // The provider has confirmed, so a late record of the same charge changes nothing.
            assert_eq!(ended.clone().record_charge(charge(700), &reference(), NOW), ended);
        }
    }

    #[test]
    fn payment_of_an_earlier_version_gets_the_reference_of_its_own_charge_only() {
        let paid = payment(Status::Paid);
        let referenced = paid.clone().record_charge(charge(10_000), &reference(), NOW);
        assert_eq!(
            (referenced.status(), referenced.row().reference.as_ref()),
            (Status::Paid, Some(&reference()))
        );
        assert_eq!(paid.clone().record_charge(charge(9_999), &reference(), NOW), paid);
        let canceling = referenced.cancel(NOW).payment;
        assert_eq!((canceling.status(), canceling.row().is_refund), (Status::Canceling, true));
        assert_eq!(canceling.clone().record_charge(charge(9_999), &reference(), NOW), canceling);
    }

    proptest! {
        /// Cancels, their ends and repeated charges in any order end a payment at most once. Its end is
        /// published once, apart from the repetitions for a void ticket.
        #[test]
        fn payment_ends_and_is_published_once_in_any_order(
            was_paid: bool,
            steps in proptest::collection::vec(0..4_u8, 0..20),
        ) {
            let mut payment = payment(if was_paid { Status::Paid } else { Status::Canceling });
            let (mut ended, mut published) = (0, 0);
            for step in &steps {
                let before = payment.status();
                let change = match step {
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
                published += u32::from(*step != 1 && change.event.is_some());
                ended += u32::from(is_final(change.payment.status()) && !is_final(before));
                prop_assert!(!is_final(before) || change.payment.status() == before);
                payment = change.payment;
            }
            prop_assert!(ended <= 1);
            prop_assert_eq!(published, ended);
        }
    }
}
