//! A payment and every way it may go.
//!
//! ```text
//! nothing ─┬─▶ Paid ─▶ Canceled
//!          └─▶ Voided
//! ```

use events::{BookingId, Event, Paid, PaymentCanceled, PaymentId};

use crate::domain::charge::{Charge, Price};

events::statuses! {
    /// Where a payment stands.
    pub enum Status {
        /// The money was taken.
        Paid = "Paid",
        /// The money went back. Final.
        Canceled = "Canceled",
        /// The booking was given up before any money came, and none is taken any more. Final.
        Voided = "Voided",
    }
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
}

/// A payment after a transition, and the event that tells of it, if it is one that others must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub payment: Payment,
    pub event: Option<Event>,
}

/// Why a payment is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayRefused {
    #[error("another price was paid for the booking already")]
    OtherPrice,
    #[error("the booking was given up, so nothing is paid for it any more")]
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

    /// What the others are told of a payment that stands as this one does.
    pub fn event(&self) -> Event {
        let row = &self.row;
        let status = Some(row.status.to_string());
        match row.status {
            Status::Paid => Event::from(Paid {
                id: row.id,
                booking_id: row.booking_id,
                status,
                total_price: Some(row.total_price.get()),
            }),
            Status::Canceled | Status::Voided => {
                Event::from(PaymentCanceled { id: row.id, booking_id: row.booking_id, status })
            }
        }
    }

    /// The same booking is to be paid again: what was taken for it is the answer.
    ///
    /// # Errors
    ///
    /// When something else was taken, or nothing is taken any more.
    pub fn repeat(self, charge: Charge) -> Result<Self, PayRefused> {
        match self.row.status {
            Status::Canceled | Status::Voided => Err(PayRefused::Voided),
            Status::Paid if self.row.total_price != charge.price => Err(PayRefused::OtherPrice),
            Status::Paid => Ok(self),
        }
    }

    /// The money goes back. What was over before stays as it is.
    #[must_use]
    pub fn refund(mut self) -> Change {
        let event = match self.row.status {
            Status::Paid => {
                self.row.status = Status::Canceled;
                Some(self.event())
            }
            Status::Canceled | Status::Voided => None,
        };
        Change { payment: self, event }
    }

    /// The money goes back because the ticket is void. Told of even when it was told before: the booking's cancel
    /// waits for these words, and those that came before it began were not heard.
    #[must_use]
    pub fn refund_for_ticket(self) -> Change {
        let payment = self.refund().payment;
        let event = Some(payment.event());
        Change { payment, event }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payment(status: Status) -> Payment {
        Payment::restore(Row {
            id: PaymentId::new(7).unwrap(),
            booking_id: BookingId::new(1).unwrap(),
            total_price: Price::parse(10_000).unwrap(),
            status,
        })
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
    fn nothing_is_taken_once_the_money_was_called_back() {
        for status in [Status::Canceled, Status::Voided] {
            for price in [10_000, 1] {
                assert_eq!(payment(status).repeat(charge(price)), Err(PayRefused::Voided));
            }
        }
    }

    #[test]
    fn the_end_of_the_money_is_told_to_a_cancel_whatever_came_before() {
        for (before, after) in [
            (Status::Paid, Status::Canceled),
            (Status::Canceled, Status::Canceled),
            (Status::Voided, Status::Voided),
        ] {
            let change = payment(before).refund_for_ticket();
            assert_eq!(change.payment.status(), after);
            assert_eq!(event_of(&change), Some("PaymentCanceled"));
        }
    }

    proptest! {
        /// However often the money is called back, by whom and with repeats in between: it goes back once, a tombstone
        /// stays one, and without a cancel that waits it is told of once.
        #[test]
        fn no_order_of_words_gives_money_back_twice(
            was_paid: bool,
            words in proptest::collection::vec(0..3_u8, 0..20),
        ) {
            let mut payment = payment(if was_paid { Status::Paid } else { Status::Voided });
            let mut went_back = 0;
            let mut told = 0;
            for word in &words {
                let before = payment.status();
                let change = match word {
                    0 => payment.refund(),
                    1 => payment.refund_for_ticket(),
                    _ => {
                        let repeated = payment.clone().repeat(charge(10_000));
                        prop_assert_eq!(repeated.is_ok(), payment.status() == Status::Paid);
                        continue;
                    }
                };
                told += u32::from(*word == 0 && change.event.is_some());
                went_back += u32::from(change.payment.status() != before);
                payment = change.payment;
            }
            prop_assert!(went_back <= u32::from(was_paid));
            prop_assert!(told <= u32::from(was_paid));
        }
    }
}
