//! A booking and every way it may go.
//!
//! ```text
//! PaymentPending ─▶ Registered ─▶ PaidComplete ─▶ PrintComplete
//!       │                └──────┬──────┘
//!       ├─▶ Declined            ▼  ▲ rejected
//!       ├─▶ Expired         Canceling
//!       └─▶ Canceled ◀──────────┘
//! ```
//!
//! A pending booking holds its places, and while an attempt to pay for it runs nobody else begins one. However it ends
//! unpaid, `HoldExpired` calls back money that may be on its way. So money is kept exactly for the bookings that live.

use std::time::Duration;

use events::{Booked, BookingId, CancelRequested, Canceled, CustomerId, Event, HoldExpired, ScreeningId};
use jiff::Timestamp;

use super::hold::{Hold, LOOK_TAKES};
use super::order::Price;

/// A cancel that is requested again is passed on again at most this often.
const CANCEL_AGAIN_AFTER: Duration = Duration::from_secs(3);

events::statuses! {
    /// Where a booking stands.
    pub enum Status {
        /// Its places are held until it is paid; it is no booking yet.
        PaymentPending = "PaymentPending",
        /// Paid, and told to the others.
        Registered = "Registered",
        /// Payment's own word has come as well.
        PaidComplete = "PaidComplete",
        /// The ticket was collected. Final.
        PrintComplete = "PrintComplete",
        /// The payment was declined; it never was a booking. Final.
        Declined = "Declined",
        /// It was not paid in time; it never was a booking. Final.
        Expired = "Expired",
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
    pub screening_id: Option<ScreeningId>,
    /// When its screening begins, which the programme says; `None` for a booking of a movie alone.
    pub starts_at: Option<Timestamp>,
    /// When it ends, and where it is; as the programme says, too.
    pub ends_at: Option<Timestamp>,
    pub theatre: Option<String>,
    pub hold: Hold,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A booking after a transition, and the event that tells of it, if it is one that others must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub booking: Booking,
    pub event: Option<Event>,
    /// Its places are free again.
    pub releases: bool,
}

/// Why no attempt to pay for a booking was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayRefused {
    #[error("another attempt to pay is running")]
    InProgress,
    #[error("it does not wait for its payment")]
    NotHeld,
    #[error("the screening has begun")]
    Started,
}

/// Why a booking cannot be canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CancelRefused {
    #[error("the ticket was collected already")]
    AlreadyCollected,
    #[error("the payment was declined, so there is no booking")]
    Declined,
    #[error("it was not paid in time, so there is no booking")]
    Expired,
    #[error("the screening has begun")]
    Started,
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

    /// Whether its places are taken: held or sold.
    pub fn is_live(&self) -> bool {
        !matches!(self.row.status, Status::Declined | Status::Expired | Status::Canceled)
    }

    /// Whether its screening has begun: from then on it is neither paid nor canceled.
    pub fn has_started(&self, now: Timestamp) -> bool {
        self.row.starts_at.is_some_and(|start| start <= now)
    }

    /// Whether an attempt to pay for it runs.
    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.row.status == Status::PaymentPending && self.row.hold.is_paying(now)
    }

    /// Somebody wants to pay for it, which takes no longer than `attempt`. Who begins in time is not cut off: the hold lasts
    /// at least as long as the attempt.
    ///
    /// # Errors
    ///
    /// When it is being paid already, the screening has begun, or the hold is over.
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
        // A look that is still due is an attempt in doubt, also where a version without that column has left it.
        hold.end_attempt(hold.paying_until.is_some() || (hold.look_at.is_some() && !hold.pay_later));
        let over = now + attempt;
        hold.paying_until = Some(over);
        hold.look_at = Some(over);
        hold.attempts += 1;
        Ok(self.held())
    }

    /// The attempt to pay ended without an answer that decides: the payment service may have been reached or not. If this
    /// attempt or an earlier one may have been paid, the reconciler asks until that is known.
    #[must_use]
    pub fn keep_held(mut self, now: Timestamp, was_reached: bool) -> Change {
        if self.row.status == Status::PaymentPending {
            let hold = &mut self.row.hold;
            hold.end_attempt(was_reached);
            hold.look_at = (hold.in_doubt || hold.pay_later).then(|| hold.next_look(now));
            return self.held();
        }
        self.unchanged()
    }

    /// Payment is asked about it now. `None`: it is not time, or another process asks. A hold that is over does not expire
    /// in the meantime.
    pub fn look(mut self, now: Timestamp) -> Option<Change> {
        let is_due = self.row.hold.look_at.is_some_and(|at| at <= now);
        if self.row.status != Status::PaymentPending || !is_due || self.is_paying(now) {
            return None;
        }
        let hold = &mut self.row.hold;
        hold.end_attempt(hold.paying_until.is_some());
        hold.look_at = Some(hold.next_look(now));
        hold.looks += 1;
        if hold.in_doubt && hold.until <= now {
            hold.paying_until = Some(now + LOOK_TAKES);
        }
        Some(self.held())
    }

    /// Its time is over, unless somebody is just paying.
    #[must_use]
    pub fn expire(self, now: Timestamp) -> Change {
        let hold = &self.row.hold;
        match self.row.status {
            Status::PaymentPending if hold.until <= now && !hold.is_paying(now) => {
                self.given_up(Status::Expired)
            }
            _ => self.unchanged(),
        }
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
            Status::PaymentPending => self.given_up(Status::Declined),
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

    /// The customer wants to cancel. An unpaid booking ends at once; the ticket service decides about a paid one. While
    /// that decision is outstanding, a repeated request asks the ticket service again, as the first question may be
    /// lost.
    ///
    /// # Errors
    ///
    /// When it is too late, or there is nothing to cancel.
    pub fn request_cancel(self, now: Timestamp) -> Result<Change, CancelRefused> {
        match self.row.status {
            Status::PaymentPending => Ok(self.given_up(Status::Canceled)),
            Status::Registered | Status::PaidComplete if self.has_started(now) => Err(CancelRefused::Started),
            Status::Registered | Status::PaidComplete => Ok(self.canceling()),
            Status::Canceling if self.row.updated_at + CANCEL_AGAIN_AFTER <= now => Ok(self.canceling()),
            Status::Canceling | Status::Canceled => Ok(self.unchanged()),
            Status::PrintComplete => Err(CancelRefused::AlreadyCollected),
            Status::Declined => Err(CancelRefused::Declined),
            Status::Expired => Err(CancelRefused::Expired),
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
                change.releases = true;
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
            screening: self.screening(),
        };
        let mut change = self.to(status);
        change.event = Some(booked.into());
        change
    }

    /// It ends unpaid. A payment may be on its way all the same: whatever comes of it must go back.
    fn given_up(self, status: Status) -> Change {
        let mut change = self.to(status);
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
        Change { booking: self, event: None, releases: false }
    }
}

mod held;
#[cfg(test)]
mod tests;
