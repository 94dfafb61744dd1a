//! A booking and its transitions.
//!
//! ```text
//! PaymentPending ─▶ Registered ─▶ PaidComplete ─▶ PrintComplete
//!       │                └──────┬──────┘
//!       ├─▶ Declined            ▼  ▲ rejected
//!       ├─▶ Expired         Canceling
//!       └─▶ Canceled ◀──────────┘
//! ```
//!
//! A pending booking holds its places, and only one attempt to pay for it runs at a time. Whenever a booking
//! ends unpaid, `HoldExpired` has payment refund a charge that may still arrive. So exactly the live bookings
//! are charged.

use std::time::Duration;

use events::{
    Booked, BookingId, CancelRequested, Canceled, CustomerId, Event, HoldExpired, ScreeningId, UnknownStatus,
};
use jiff::Timestamp;
use strum::{Display, EnumString};

use super::hold::{Hold, INQUIRY_TIME};
use super::order::Price;

/// Minimum pause before a repeated cancel publishes `CancelRequested` again.
const CANCEL_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// The state of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// Its places are held until it is paid.
    PaymentPending,
    /// Paid, and `Booked` is published.
    Registered,
    /// `Paid` has confirmed it as well.
    PaidComplete,
    /// The ticket was collected. Final.
    PrintComplete,
    /// The payment was declined. Final.
    Declined,
    /// It was not paid in time. Final.
    Expired,
    /// The customer requested a cancellation; the ticket service decides.
    Canceling,
    /// The ticket is void, and the money was refunded. Final.
    Canceled,
}

/// A booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    row: Row,
}

/// The data of a booking, for the store and for clients.
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
    /// `Paid` was received: a rejected cancel returns to `PaidComplete` instead of `Registered`.
    pub paid: bool,
    pub screening_id: Option<ScreeningId>,
    /// When its screening starts; `None` for a booking without a screening.
    pub starts_at: Option<Timestamp>,
    /// When its screening ends, and where it is.
    pub ends_at: Option<Timestamp>,
    pub theatre: Option<String>,
    pub hold: Hold,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A booking after a transition, and the event to publish, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub booking: Booking,
    pub event: Option<Event>,
    /// Its places are released.
    pub releases: bool,
}

/// Why no attempt to pay for a booking begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayRefused {
    #[error("another attempt to pay is running")]
    InProgress,
    #[error("the booking is not held")]
    NotHeld,
    #[error("the screening has already started")]
    Started,
}

/// Why a booking cannot be canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    #[error("the ticket has already been collected")]
    AlreadyCollected,
    #[error("the payment was declined, so there is no booking to cancel")]
    Declined,
    #[error("the booking was not paid in time, so there is no booking to cancel")]
    Expired,
    #[error("the screening has already started")]
    Started,
}

impl Booking {
    /// A booking from the store.
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

    /// The amount to pay. A booking without a price is free.
    pub fn amount_due(&self) -> Price {
        let price = self.row.total_price.unwrap_or_default();
        Price::parse(price).unwrap_or_default()
    }

    /// Whether its places are held or sold.
    pub fn is_live(&self) -> bool {
        !matches!(self.row.status, Status::Declined | Status::Expired | Status::Canceled)
    }

    /// Whether its screening has started: from then on no attempt to pay begins, and no cancellation.
    pub fn has_started(&self, now: Timestamp) -> bool {
        self.row.starts_at.is_some_and(|start| start <= now)
    }

    /// Whether an attempt to pay is running.
    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.row.status == Status::PaymentPending && self.row.hold.is_paying(now)
    }

    /// Begins an attempt to pay, which takes no longer than `attempt`. The hold does not expire while it
    /// runs.
    ///
    /// # Errors
    ///
    /// When another attempt is running, the screening has started, or the hold has ended.
    pub fn begin_payment(mut self, now: Timestamp, attempt: Duration) -> Result<Change, PayRefused> {
        if self.is_paying(now) {
            return Err(PayRefused::InProgress);
        }
        if self.row.status != Status::PaymentPending {
            return Err(PayRefused::NotHeld);
        }
        if self.has_started(now) {
            return Err(PayRefused::Started);
        }
        let hold = &mut self.row.hold;
        if hold.until <= now {
            return Err(PayRefused::NotHeld);
        }
        // A scheduled inquiry stands for an attempt in doubt, also in a row from a version without the column
        // `in_doubt`.
        hold.end_attempt(hold.paying_until.is_some() || (hold.inquire_at.is_some() && !hold.pay_later));
        let attempt_ends = now + attempt;
        hold.paying_until = Some(attempt_ends);
        hold.inquire_at = Some(attempt_ends);
        hold.attempts += 1;
        Ok(self.held())
    }

    /// The attempt to pay ended without a decision, whether or not payment was reached. While this attempt or
    /// an earlier one may have been paid, the reconciler inquires.
    #[must_use]
    pub fn keep_held(mut self, now: Timestamp, was_reached: bool) -> Change {
        if self.row.status == Status::PaymentPending {
            let hold = &mut self.row.hold;
            hold.end_attempt(was_reached);
            hold.inquire_at = (hold.in_doubt || hold.pay_later).then(|| hold.next_inquiry(now));
            return self.held();
        }
        self.unchanged()
    }

    /// Begins an inquiry at payment. Returns `None` if no inquiry is due, or another replica has begun one. A
    /// hold that has ended does not expire during the inquiry.
    pub fn begin_inquiry(mut self, now: Timestamp) -> Option<Change> {
        let is_due = self.row.hold.inquire_at.is_some_and(|at| at <= now);
        if self.row.status != Status::PaymentPending || !is_due || self.is_paying(now) {
            return None;
        }
        let hold = &mut self.row.hold;
        hold.end_attempt(hold.paying_until.is_some());
        hold.inquire_at = Some(hold.next_inquiry(now));
        hold.inquiries += 1;
        if hold.in_doubt && hold.until <= now {
            hold.paying_until = Some(now + INQUIRY_TIME);
        }
        Some(self.held())
    }

    /// Expires the hold if it has ended and no attempt to pay is running.
    #[must_use]
    pub fn expire(self, now: Timestamp) -> Change {
        let hold = &self.row.hold;
        match self.row.status {
            Status::PaymentPending if hold.until <= now && !hold.is_paying(now) => {
                self.end_unpaid(Status::Expired)
            }
            _ => self.unchanged(),
        }
    }

    /// The attempt to pay succeeded.
    #[must_use]
    pub fn register(self) -> Change {
        match self.row.status {
            Status::PaymentPending => self.registered(Status::Registered),
            _ => self.unchanged(),
        }
    }

    /// The payment was declined.
    #[must_use]
    pub fn decline(self) -> Change {
        match self.row.status {
            Status::PaymentPending => self.end_unpaid(Status::Declined),
            _ => self.unchanged(),
        }
    }

    /// Applies `Paid`, which settles a booking whose payment call got no response, and confirms a registered
    /// one. Another amount than the booking costs changes nothing.
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
                self.with_status(Status::PaidComplete)
            }
            Status::Canceling => {
                self.row.paid = true;
                self.unchanged()
            }
            _ => self.unchanged(),
        }
    }

    /// The customer requests a cancellation. An unpaid booking ends at once; for a paid one, the ticket
    /// service decides. Until it does, a repeated request publishes `CancelRequested` again after a pause, as
    /// the first event may be lost.
    ///
    /// # Errors
    ///
    /// When it is too late, or there is nothing to cancel.
    pub fn request_cancel(self, now: Timestamp) -> Result<Change, CancelRefused> {
        match self.row.status {
            Status::PaymentPending => Ok(self.end_unpaid(Status::Canceled)),
            Status::Registered | Status::PaidComplete if self.has_started(now) => Err(CancelRefused::Started),
            Status::Registered | Status::PaidComplete => Ok(self.canceling()),
            Status::Canceling if self.row.updated_at + CANCEL_AGAIN_AFTER <= now => Ok(self.canceling()),
            Status::Canceling | Status::Canceled => Ok(self.unchanged()),
            Status::PrintComplete => Err(CancelRefused::AlreadyCollected),
            Status::Declined => Err(CancelRefused::Declined),
            Status::Expired => Err(CancelRefused::Expired),
        }
    }

    /// The money was refunded. That ends a cancellation; without one, it begins a cancellation.
    #[must_use]
    pub fn refund(self) -> Change {
        let id = self.row.id;
        match self.row.status {
            Status::Canceling => {
                let mut change = self.with_status(Status::Canceled);
                let status = change.booking.status_text();
                change.event = Some(Canceled { id, status }.into());
                change.releases = true;
                change
            }
            Status::Registered | Status::PaidComplete => self.canceling(),
            _ => self.unchanged(),
        }
    }

    /// The ticket service rejected the cancellation: the booking returns to its earlier state.
    #[must_use]
    pub fn reject_cancel(self) -> Change {
        match (self.row.status, self.row.paid) {
            (Status::Canceling, true) => self.with_status(Status::PaidComplete),
            (Status::Canceling, false) => self.with_status(Status::Registered),
            _ => self.unchanged(),
        }
    }

    /// The ticket was collected. A running cancel fails.
    #[must_use]
    pub fn collect(self) -> Change {
        match self.row.status {
            Status::Registered | Status::PaidComplete | Status::Canceling => {
                self.with_status(Status::PrintComplete)
            }
            _ => self.unchanged(),
        }
    }

    /// Registers the booking, and publishes `Booked`, which always carries the status `Registered`.
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
            screening: self.screening(),
        };
        let mut change = self.with_status(status);
        change.event = Some(booked.into());
        change
    }

    /// Ends the booking unpaid. A charge may still arrive, so `HoldExpired` has payment refund it.
    fn end_unpaid(self, status: Status) -> Change {
        let mut change = self.with_status(status);
        let row = &change.booking.row;
        let expired = HoldExpired {
            id: row.id,
            status: change.booking.status_text(),
            qty: Some(row.qty),
            seat: row.seat.clone(),
            movie_name: row.movie_name.clone(),
            total_price: row.total_price,
            customer_id: row.customer_id,
            screening: change.booking.screening(),
        };
        change.event = Some(expired.into());
        change.releases = true;
        change
    }

    fn canceling(self) -> Change {
        let id = self.row.id;
        let mut change = self.with_status(Status::Canceling);
        let status = change.booking.status_text();
        change.event = Some(CancelRequested { id, status }.into());
        change
    }

    fn status_text(&self) -> Option<String> {
        Some(self.row.status.to_string())
    }

    fn with_status(mut self, status: Status) -> Change {
        self.row.status = status;
        self.unchanged()
    }

    fn unchanged(self) -> Change {
        Change { booking: self, event: None, releases: false }
    }
}

mod held;
mod records;
#[cfg(test)]
mod tests;
