//! A booking as its customer sees it.
//!
//! Events of a booking come from several services and overtake each other, and some come twice. So what one of them
//! changes never depends on what came before: each field only ever rises, and the status is derived from them. Whatever the
//! order, and however often each of them comes, the same events end in the same view.

use events::{Booked, BookingId, CustomerId, Event, Held, HoldExpired, Screening, TicketId, UnknownStatus};
use jiff::Timestamp;
use strum::{Display, EnumString};

/// What payment says of money that it took and gave back, unlike of money that it never took.
const MONEY_WENT_BACK: &str = "Canceled";

/// The points of a collected ticket, for a writer that leaves them out.
const SCORE: i64 = 100;

/// What a customer sees of where a booking stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// Its places are held until it is paid.
    PaymentPending,
    /// Paid; its ticket waits.
    Booked,
    /// Its payment was declined; it never was a booking. Final.
    Declined,
    /// It was not paid in time; it never was a booking. Final.
    Expired,
    /// Ticket void, money back; or given up by its customer before it was paid. Final.
    Canceled,
    /// The ticket was collected, which no cancel undoes. Final.
    Printed,
}

/// How far a booking has come, from the least to the most final: the higher one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Progress {
    /// Nothing has ended it; whether it is a booking yet is another matter.
    Booked,
    /// It was canceled, or ended unpaid.
    Canceled,
    /// The ticket was collected.
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
    /// What was booked, or was to be. `None` until that is known.
    pub order: Option<Order>,
    /// It came to be a booking.
    pub booked: bool,
    /// Its places were held unpaid.
    pub held: bool,
    /// Until when they are held.
    pub held_until: Option<Timestamp>,
    /// It was given up before it was paid, or its payment was late.
    pub given_up: bool,
    /// How it was given up. Unknown where a version before this field has heard of it.
    pub ending: Option<Ending>,
    /// Money was taken, and went back.
    pub refunded: bool,
    pub progress: Progress,
    /// 0 when points wait for the ticket to be collected, and what was granted then. `None`: no such event has come.
    pub score: Option<i64>,
    pub ticket_id: Option<TicketId>,
    /// The time of the latest event.
    pub updated_at: Timestamp,
}

/// What was booked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub customer_id: Option<CustomerId>,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: Option<i64>,
    /// In the smallest unit of the currency.
    pub price: Option<i64>,
    /// Empty for a booking of a movie alone, and in events from before they carried it.
    pub screening: Screening,
}

impl Mypage {
    /// A booking of which nothing is known yet; its first event happened at `at`.
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

    /// Whether its customer is shown it: a booking; one that is or was held, if its customer is known; and one that never
    /// came to be though money went to and fro.
    pub fn is_shown(&self) -> bool {
        let customer = self.order.as_ref().and_then(|order| order.customer_id);
        self.booked || (self.held && customer.is_some()) || (self.given_up && self.refunded)
    }

    /// The points of this booking: 0 from the start, until its ticket is collected.
    pub fn points(&self) -> i64 {
        self.score.unwrap_or_default()
    }

    /// Where it stands.
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

    /// What is known after `event`, which happened at `at`.
    #[must_use]
    pub fn after(mut self, event: &Event, at: Timestamp) -> Self {
        match event {
            // One of each comes from our own services. Of two, the order in which they came must not decide.
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
                self.refunded |= payment.status.as_deref() == Some(MONEY_WENT_BACK);
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

/// How the hold ended; a writer that does not say so has let it run out.
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
