//! A booking and every way it may go.
//!
//! ```text
//! PaymentPending ─▶ Registered ─▶ PaidComplete ─▶ PrintComplete
//!       │                └──────┬──────┘
//!       ├─▶ Declined            ▼  ▲ rejected
//!       └─▶ Canceled ◀────── Canceling
//! ```

use events::{Booked, BookingId, CancelRequested, Canceled, CustomerId, Event, HoldExpired};

use crate::domain::order::Price;

events::statuses! {
    /// Where a booking stands.
    pub enum Status {
        /// Its payment was asked for; it is no booking yet.
        PaymentPending = "PaymentPending",
        /// Paid, and told to the others.
        Registered = "Registered",
        /// Payment's own word has come as well.
        PaidComplete = "PaidComplete",
        /// The ticket was collected. Final.
        PrintComplete = "PrintComplete",
        /// The payment was declined; it never was a booking. Final.
        Declined = "Declined",
        /// The customer asked to cancel; the ticket service decides.
        Canceling = "Canceling",
        /// Ticket void, money back. Final.
        Canceled = "Canceled",
    }
}

/// A booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    row: Row,
}

/// All a booking consists of: how the store keeps it and how a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: BookingId,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: i64,
    pub total_price: Option<i64>,
    pub name: String,
    pub customer_id: Option<CustomerId>,
    pub status: Status,
    /// Payment's own word has come: decides where a rejected cancel goes back to.
    pub paid: bool,
}

/// A booking after a transition, and the event that tells of it, if it is one that others must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub booking: Booking,
    pub event: Option<Event>,
}

/// Why a booking cannot be canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    #[error("the ticket was collected already")]
    AlreadyCollected,
    #[error("the payment was declined, so there is no booking")]
    Declined,
}

impl Booking {
    /// A booking as the store found it.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    pub fn id(&self) -> BookingId {
        self.row.id
    }

    pub fn status(&self) -> Status {
        self.row.status
    }

    pub fn row(&self) -> &Row {
        &self.row
    }

    /// What the payment service is asked for. A booking without a price is free.
    pub fn amount_due(&self) -> Price {
        let price = self.row.total_price.unwrap_or_default();
        Price::parse(price).unwrap_or_default()
    }

    /// The payment service said yes.
    #[must_use]
    pub fn register(self) -> Change {
        match self.row.status {
            Status::PaymentPending => self.registered(Status::Registered),
            _ => self.unchanged(),
        }
    }

    /// The payment service said no.
    #[must_use]
    pub fn decline(self) -> Change {
        match self.row.status {
            Status::PaymentPending => self.to(Status::Declined),
            _ => self.unchanged(),
        }
    }

    /// `Paid` has come: settles a booking whose payment call had no answer, and confirms one that had.
    /// Money that is not what the booking costs settles nothing.
    #[must_use]
    pub fn confirm_payment(mut self, amount: Option<i64>) -> Change {
        if amount.unwrap_or_default() != self.amount_due().get() {
            return self.unchanged();
        }
        match self.row.status {
            Status::PaymentPending => {
                self.row.paid = true;
                self.registered(Status::PaidComplete)
            }
            Status::Registered => {
                self.row.paid = true;
                self.to(Status::PaidComplete)
            }
            Status::Canceling => {
                self.row.paid = true;
                self.unchanged()
            }
            _ => self.unchanged(),
        }
    }

    /// The customer wants out. What is not paid ends at once; of a paid one the ticket service is the judge.
    ///
    /// # Errors
    ///
    /// When it is too late, or there is nothing to cancel.
    pub fn request_cancel(self) -> Result<Change, CancelRefused> {
        let id = self.row.id;
        match self.row.status {
            Status::PaymentPending => {
                // The payment may be on its way: whatever comes of it must go back.
                let mut change = self.to(Status::Canceled);
                let status = change.booking.status_text();
                change.event = Some(HoldExpired { id, status }.into());
                Ok(change)
            }
            Status::Registered | Status::PaidComplete => Ok(self.canceling()),
            Status::Canceling | Status::Canceled => Ok(self.unchanged()),
            Status::PrintComplete => Err(CancelRefused::AlreadyCollected),
            Status::Declined => Err(CancelRefused::Declined),
        }
    }

    /// The money went back. That ends a cancel; for a booking nobody asked to cancel, it begins one.
    #[must_use]
    pub fn refund(self) -> Change {
        let id = self.row.id;
        match self.row.status {
            Status::Canceling => {
                let mut change = self.to(Status::Canceled);
                let status = change.booking.status_text();
                change.event = Some(Canceled { id, status }.into());
                change
            }
            Status::Registered | Status::PaidComplete => self.canceling(),
            _ => self.unchanged(),
        }
    }

    /// The ticket service refused the cancel: the booking stands as it stood.
    #[must_use]
    pub fn reject_cancel(self) -> Change {
        match (self.row.status, self.row.paid) {
            (Status::Canceling, true) => self.to(Status::PaidComplete),
            (Status::Canceling, false) => self.to(Status::Registered),
            _ => self.unchanged(),
        }
    }

    /// The ticket was collected; a cancel that is still under way has lost.
    #[must_use]
    pub fn collect(self) -> Change {
        match self.row.status {
            Status::Registered | Status::PaidComplete | Status::Canceling => self.to(Status::PrintComplete),
            _ => self.unchanged(),
        }
    }

    /// Settled as `status`; `Booked` tells of the registration in either case.
    fn registered(self, status: Status) -> Change {
        let row = &self.row;
        let booked = Booked {
            id: row.id,
            qty: Some(row.qty),
            seat: row.seat.clone(),
            movie_name: row.movie_name.clone(),
            status: Some(Status::Registered.to_string()),
            total_price: row.total_price,
            name: Some(row.name.clone()),
            customer_id: row.customer_id,
            screening_id: None,
        };
        let mut change = self.to(status);
        change.event = Some(booked.into());
        change
    }

    fn canceling(self) -> Change {
        let id = self.row.id;
        let mut change = self.to(Status::Canceling);
        let status = change.booking.status_text();
        change.event = Some(CancelRequested { id, status }.into());
        change
    }

    fn status_text(&self) -> Option<String> {
        Some(self.row.status.to_string())
    }

    fn to(mut self, status: Status) -> Change {
        self.row.status = status;
        self.unchanged()
    }

    fn unchanged(self) -> Change {
        Change { booking: self, event: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn booking(status: Status) -> Booking {
        Booking::restore(Row {
            id: BookingId::new(1).unwrap(),
            movie_name: Some("soul".to_owned()),
            seat: Some("1A,2B".to_owned()),
            qty: 2,
            total_price: Some(10_000),
            name: "CGV".to_owned(),
            customer_id: None,
            status,
            paid: false,
        })
    }

    fn event_of(change: &Change) -> Option<&'static str> {
        change.event.as_ref().map(Event::event_type)
    }

    #[test]
    fn a_booking_is_told_of_once_whichever_word_of_the_payment_comes_first() {
        let answer_first = booking(Status::PaymentPending).register();
        assert_eq!(event_of(&answer_first), Some("Booked"));
        let then = answer_first.booking.confirm_payment(Some(10_000));
        assert_eq!((then.booking.status(), event_of(&then)), (Status::PaidComplete, None));

        let event_first = booking(Status::PaymentPending).confirm_payment(Some(10_000));
        assert_eq!(event_of(&event_first), Some("Booked"));
        let then = event_first.booking.register();
        assert_eq!((then.booking.status(), event_of(&then)), (Status::PaidComplete, None));
    }

    #[test]
    fn money_that_is_not_the_price_settles_nothing() {
        for amount in [None, Some(0), Some(9_999)] {
            let change = booking(Status::PaymentPending).confirm_payment(amount);
            assert_eq!(change.booking.status(), Status::PaymentPending);
            assert_eq!(event_of(&change), None);
        }
    }

    #[test]
    fn a_pending_booking_is_given_up_at_once_and_its_money_called_back() {
        let change = booking(Status::PaymentPending).request_cancel().unwrap();
        assert_eq!(change.booking.status(), Status::Canceled);
        assert_eq!(event_of(&change), Some("HoldExpired"));
        let late = change.booking.confirm_payment(Some(10_000));
        assert_eq!((late.booking.status(), event_of(&late)), (Status::Canceled, None));
    }

    #[test]
    fn a_cancel_ends_with_the_refund_and_is_told_of() {
        let asked = booking(Status::PaidComplete).request_cancel().unwrap();
        assert_eq!(event_of(&asked), Some("CancelRequested"));
        let ended = asked.booking.refund();
        assert_eq!((ended.booking.status(), event_of(&ended)), (Status::Canceled, Some("Canceled")));
    }

    #[test]
    fn a_rejected_cancel_goes_back_to_where_it_came_from() {
        let registered = booking(Status::Registered).request_cancel().unwrap().booking;
        let paid_meanwhile = registered.clone().confirm_payment(Some(10_000)).booking;
        assert_eq!(registered.reject_cancel().booking.status(), Status::Registered);
        assert_eq!(paid_meanwhile.reject_cancel().booking.status(), Status::PaidComplete);
    }

    #[test]
    fn a_collected_ticket_cannot_be_canceled() {
        let collected = booking(Status::Canceling).collect().booking;
        assert_eq!(collected.status(), Status::PrintComplete);
        assert_eq!(collected.request_cancel(), Err(CancelRefused::AlreadyCollected));
    }

    #[test]
    fn a_refund_nobody_asked_for_cancels_the_booking_too() {
        let change = booking(Status::Registered).refund();
        assert_eq!(
            (change.booking.status(), event_of(&change)),
            (Status::Canceling, Some("CancelRequested"))
        );
    }

    proptest! {
        /// Whatever comes, in whatever order and however often: the final states stay, `Booked` and `Canceled` are
        /// told of at most once each, and `Canceled` never without a request.
        #[test]
        fn no_order_of_words_breaks_a_booking(words in proptest::collection::vec(0..7_u8, 0..30)) {
            let mut booking = booking(Status::PaymentPending);
            let mut told = Vec::new();
            for word in words {
                let before = booking.status();
                let change = match word {
                    0 => booking.register(),
                    1 => booking.decline(),
                    2 => booking.confirm_payment(Some(10_000)),
                    3 => match booking.clone().request_cancel() {
                        Ok(change) => change,
                        Err(_) => booking.unchanged(),
                    },
                    4 => booking.refund(),
                    5 => booking.reject_cancel(),
                    _ => booking.collect(),
                };
                told.extend(event_of(&change));
                booking = change.booking;
                if matches!(before, Status::PrintComplete | Status::Declined | Status::Canceled) {
                    prop_assert_eq!(booking.status(), before);
                }
            }
            let count = |name: &str| told.iter().filter(|event| **event == name).count();
            prop_assert!(count("Booked") <= 1);
            prop_assert!(count("Canceled") <= 1);
            prop_assert!(count("Canceled") == 0 || count("CancelRequested") > 0);
        }
    }
}
