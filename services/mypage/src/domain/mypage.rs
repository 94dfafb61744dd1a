//! A booking as its customer sees it.
//!
//! The events of a booking come from several services, overtake each other, and may be repeated. So the
//! effect of an event never depends on earlier ones: each field only ever increases, and the status is
//! derived from the fields. The same events lead to the same view, in whatever order and however often they
//! arrive.

use events::{Booked, BookingId, CustomerId, Event, Held, HoldExpired, Screening, TicketId, UnknownStatus};
use jiff::Timestamp;
use strum::{Display, EnumString};

/// The status of a `PaymentCanceled` that refunded a charge; without a charge it is another one.
const REFUNDED: &str = "Canceled";

/// The points of a collected ticket, for writers that omit them.
const SCORE: i64 = 100;

/// The state of a booking that its customer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// It is not paid, and its places are held.
    PaymentPending,
    /// It is paid, and its ticket is not collected.
    Booked,
    /// Its payment was declined. Final.
    Declined,
    /// It was not paid in time. Final.
    Expired,
    /// Its ticket is void and its money is refunded, or its customer canceled it before it was paid. Final.
    Canceled,
    /// Its ticket was collected, so it can no longer be canceled. Final.
    Printed,
}

/// The progress of a booking. If events disagree, the higher value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Progress {
    /// Nothing has ended it. It may still be unpaid.
    Booked,
    /// It was canceled, or ended unpaid.
    Canceled,
    /// Its ticket was collected.
    Printed,
}

/// How an unpaid booking ended. If two events disagree, the higher value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Ending {
    Declined,
    Expired,
    Canceled,
}

/// A booking as its customer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mypage {
    pub booking_id: BookingId,
    /// What was ordered; `None` until an event has it.
    pub order: Option<Order>,
    /// It is, or was, a paid booking.
    pub booked: bool,
    /// Its places are, or were, held unpaid.
    pub held: bool,
    /// The end of the hold.
    pub held_until: Option<Timestamp>,
    /// Its hold ended unpaid, or its payment was late.
    pub given_up: bool,
    /// How its hold ended; `None` also in rows from before this field existed.
    pub ending: Option<Ending>,
    /// A charge was refunded.
    pub refunded: bool,
    pub progress: Progress,
    /// The granted points, or 0 until the ticket is collected; `None` before the first event about points.
    pub score: Option<i64>,
    pub ticket_id: Option<TicketId>,
    /// The time of the latest event.
    pub updated_at: Timestamp,
}

/// The contents of a booking.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub customer_id: Option<CustomerId>,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: Option<i64>,
    /// In the smallest unit of the currency.
    pub price: Option<i64>,
    /// Empty if the booking has no screening, and in events from before this field existed.
    pub screening: Screening,
}

impl Mypage {
    /// A booking before its first event, which happened at `at`, is applied.
    pub fn unknown(booking_id: BookingId, at: Timestamp) -> Self {
        Self {
            booking_id,
            order: None,
            booked: false,
            held: false,
            held_until: None,
            given_up: false,
            ending: None,
            refunded: false,
            progress: Progress::Booked,
            score: None,
            ticket_id: None,
            updated_at: at,
        }
    }

    /// Whether it is shown: if it was paid; if it is or was held and its customer is known; or if it ended
    /// unpaid although money was charged and refunded.
    pub fn is_shown(&self) -> bool {
        let customer = self.order.as_ref().and_then(|order| order.customer_id);
        self.booked || (self.held && customer.is_some()) || (self.given_up && self.refunded)
    }

    /// The points of this booking; 0 until its ticket is collected.
    pub fn points(&self) -> i64 {
        self.score.unwrap_or_default()
    }

    /// The state that its customer sees.
    pub fn status(&self) -> Status {
        match (self.progress, self.booked, self.ending) {
            (Progress::Printed, _, _) => Status::Printed,
            (Progress::Canceled, false, Some(Ending::Declined)) => Status::Declined,
            (Progress::Canceled, false, Some(Ending::Expired)) => Status::Expired,
            (Progress::Canceled, _, _) => Status::Canceled,
            (Progress::Booked, false, _) if self.held => Status::PaymentPending,
            (Progress::Booked, _, _) => Status::Booked,
        }
    }

    /// The booking after `event`, which happened at `at`.
    #[must_use]
    pub fn after(mut self, event: &Event, at: Timestamp) -> Self {
        match event {
            // Our own services publish one of each. If there are two, the order in which they arrive must not
            // decide.
            Event::Booked(booked) => {
                self.booked = true;
                self.order = self.order.max(Some(Order::from(booked)));
            }
            Event::Held(held) => {
                self.held = true;
                self.held_until = self.held_until.max(held.held_until);
                self.order = self.order.max(Some(Order::from(held)));
            }
            Event::HoldExpired(expired) => {
                self.given_up = true;
                self.ending = self.ending.max(Some(ending(expired)));
                self.order = self.order.max(Some(Order::from(expired)));
                self.progress = self.progress.max(Progress::Canceled);
            }
            Event::PaymentCanceled(payment) => {
                self.refunded |= payment.status.as_deref() == Some(REFUNDED);
            }
            Event::Created(created) => self.ticket_id = self.ticket_id.max(Some(created.id)),
            Event::WaitedPoint(point) => self.score = self.score.max(Some(point.score.unwrap_or(0))),
            Event::WrittenPoint(point) => self.score = self.score.max(Some(point.score.unwrap_or(SCORE))),
            Event::Canceled(_) => self.progress = self.progress.max(Progress::Canceled),
            Event::Printed(_) => self.progress = self.progress.max(Progress::Printed),
            _ => {}
        }
        self.updated_at = self.updated_at.max(at);
        self
    }
}

/// How the hold ended. Writers that omit the status published the event only when the hold expired.
fn ending(expired: &HoldExpired) -> Ending {
    expired.status.as_deref().and_then(|status| status.parse().ok()).unwrap_or(Ending::Expired)
}

impl From<&Booked> for Order {
    fn from(booked: &Booked) -> Self {
        Self {
            customer_id: booked.customer_id,
            movie_name: booked.movie_name.clone(),
            seat: booked.seat.clone(),
            qty: booked.qty,
            price: booked.total_price,
            screening: booked.screening.clone(),
        }
    }
}

impl From<&Held> for Order {
    fn from(held: &Held) -> Self {
        Self {
            customer_id: held.customer_id,
            movie_name: held.movie_name.clone(),
            seat: held.seat.clone(),
            qty: held.qty,
            price: held.total_price,
            screening: held.screening.clone(),
        }
    }
}

impl From<&HoldExpired> for Order {
    fn from(expired: &HoldExpired) -> Self {
        Self {
            customer_id: expired.customer_id,
            movie_name: expired.movie_name.clone(),
            seat: expired.seat.clone(),
            qty: expired.qty,
            price: expired.total_price,
            screening: expired.screening.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
