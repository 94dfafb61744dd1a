//! Book: bookings, attempts to pay, holds.

use std::time::Duration;

use ::book::domain::{Booking, Change, Hold, PaymentAnswer, Row, Status};
use ::payment::domain::Payment;
use events::{BookingId, CustomerId};

use super::{Fate, Flaw, Order, Pending, Service, World};

const HOLD: Duration = Duration::from_secs(60);
const ATTEMPT: Duration = Duration::from_secs(5);

impl World {
    /// Claims the seats and inserts a booking; `None` if one is taken.
    pub fn open(&mut self, order: &Order) -> Option<BookingId> {
        let seats: Vec<String> = order.seats.iter().map(|seat| format!("{seat}A")).collect();
        if seats.iter().any(|seat| self.claims.contains_key(seat)) {
            return None;
        }
        self.last_booking += 1;
        let id = BookingId::new(self.last_booking).unwrap();
        self.claims.extend(seats.iter().map(|seat| (seat.clone(), id)));
        let booking = Booking::restore(Row {
            id,
            movie_name: Some("soul".to_owned()),
            seat: (!seats.is_empty()).then(|| seats.join(",")),
            qty: i64::try_from(seats.len().max(1)).unwrap(),
            total_price: Some(order.price),
            name: "CGV".to_owned(),
            customer_id: CustomerId::new(33).ok(),
            status: Status::PaymentPending,
            paid: false,
            screening_id: None,
            starts_at: None,
            ends_at: None,
            theatre: None,
            hold: Hold::begin(self.now, HOLD, ATTEMPT, order.pay_later),
            updated_at: self.now,
        });
        self.bookings.insert(id, booking);
        self.pending.push(Pending::RequestPayment(id));
        Some(id)
    }

    fn apply_change(&mut self, change: Change) {
        let id = change.booking.id();
        if change.releases {
            self.claims.retain(|_, owner| *owner != id);
        }
        self.bookings.insert(id, change.booking);
        self.append(Service::Book, change.event);
    }

    pub(super) fn change_booking(&mut self, id: BookingId, transition: impl FnOnce(Booking) -> Change) {
        if let Some(booking) = self.bookings.get(&id) {
            self.apply_change(transition(booking.clone()));
        }
    }

    /// Applies a transition that the domain may refuse; returns whether it did not.
    fn try_change(&mut self, id: BookingId, transition: impl FnOnce(Booking) -> Option<Change>) -> bool {
        let change = self.bookings.get(&id).cloned().and_then(transition);
        change.map(|change| self.apply_change(change)).is_some()
    }

    pub fn pay_again(&mut self, id: BookingId) {
        let now = self.now;
        if self.try_change(id, |booking| booking.begin_payment(now, ATTEMPT).ok()) {
            self.pending.push(Pending::RequestPayment(id));
        }
    }

    pub fn request_cancel(&mut self, id: BookingId) {
        let now = self.now;
        self.try_change(id, |booking| booking.request_cancel(now).ok());
    }

    pub fn expire(&mut self, id: BookingId) {
        let now = self.now;
        self.change_booking(id, |booking| booking.expire(now));
    }

    pub fn begin_inquiry(&mut self, id: BookingId) {
        let now = self.now;
        if self.try_change(id, |booking| booking.begin_inquiry(now)) {
            self.pending.push(Pending::Inquire(id));
        }
    }

    pub(super) fn request_payment(&mut self, booking: BookingId, fate: Fate) {
        let attempt = self.number();
        let answer = if fate == Fate::NotSent { PaymentAnswer::NotReached } else { PaymentAnswer::Unknown };
        self.pending.push(Pending::AwaitPayment { booking, attempt, answer });
        if matches!(fate, Fate::Arrives | Fate::Unanswered) && self.bookings.contains_key(&booking) {
            // Payment also processes a request whose answer is lost.
            let attempt = if fate == Fate::Arrives { attempt } else { 0 };
            self.begin_charge(booking, attempt);
        }
    }

    pub(super) fn settle(&mut self, id: BookingId, answer: PaymentAnswer, is_full: bool) {
        let now = self.now;
        match answer {
            PaymentAnswer::Paid => self.change_booking(id, Booking::register),
            PaymentAnswer::Declined => self.change_booking(id, Booking::decline),
            PaymentAnswer::NotReached if is_full && self.may_be_deleted(id) => {
                self.claims.retain(|_, owner| *owner != id);
                self.bookings.remove(&id);
            }
            PaymentAnswer::NotReached => self.change_booking(id, |booking| booking.keep_held(now, false)),
            PaymentAnswer::Unknown => self.change_booking(id, |booking| booking.keep_held(now, true)),
        }
    }

    /// Returns true for a pending booking after its first attempt to pay, which no event has announced.
    fn may_be_deleted(&self, id: BookingId) -> bool {
        self.bookings.get(&id).is_some_and(|booking| {
            let hold = &booking.row().hold;
            let is_unknown_to_all = hold.attempts == 1 && !hold.is_published;
            booking.status() == Status::PaymentPending
                && (is_unknown_to_all || self.flaw == Some(Flaw::DeletesWhatMayBePaid))
        })
    }

    pub(super) fn inquire(&mut self, id: BookingId, fate: Fate) {
        let Some(booking) = self.bookings.get(&id).filter(|_| fate == Fate::Arrives) else {
            return;
        };
        let pay_later = booking.row().hold.pay_later;
        self.record_unknown_charge(id);
        match self.payments.get(&id).map(Payment::status) {
            Some(::payment::domain::Status::Paid) => self.settle(id, PaymentAnswer::Paid, false),
            Some(_) => self.settle(id, PaymentAnswer::Declined, false),
            None if pay_later => self.pay_again(id),
            None => {}
        }
    }
}
