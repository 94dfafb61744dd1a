//! Which records other services keep of a booking. They make them from its events, so each may be a moment late.

use super::{Booking, Status};

impl Booking {
    /// Whether it has a ticket, which may be void: it is, or was, paid.
    pub fn has_ticket(&self) -> bool {
        match self.row.status {
            Status::Registered | Status::PaidComplete | Status::PrintComplete | Status::Canceling => true,
            // `Paid` precedes the refund that ends a cancellation. An unpaid booking is canceled without it.
            Status::Canceled => self.row.paid,
            Status::PaymentPending | Status::Declined | Status::Expired => false,
        }
    }

    /// Whether payment has a record of it: of the charge, or, if it ended unpaid, that nothing may be charged
    /// any more.
    pub fn has_payment(&self) -> bool {
        self.row.status != Status::PaymentPending
    }

    /// Whether its customer sees it: mypage shows paid bookings, and held ones of known customers.
    pub fn has_mypage(&self) -> bool {
        self.has_ticket() || (self.row.hold.is_published && self.row.customer_id.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, booking};
    use super::*;
    use events::CustomerId;

    #[test]
    fn ticket_exists_once_the_booking_is_paid_even_if_it_is_canceled_then() {
        for (status, paid, has_ticket) in [
            (Status::PaymentPending, false, false),
            (Status::Registered, false, true),
            (Status::PaidComplete, true, true),
            (Status::PrintComplete, true, true),
            (Status::Canceling, false, true),
            (Status::Canceled, true, true),
            (Status::Canceled, false, false),
            (Status::Declined, false, false),
            (Status::Expired, false, false),
        ] {
            let mut booking = booking(status);
            booking.row.paid = paid;
            assert_eq!(booking.has_ticket(), has_ticket, "{status}");
            assert_eq!(booking.has_mypage(), has_ticket, "{status}");
            assert_eq!(booking.has_payment(), status != Status::PaymentPending, "{status}");
        }
    }

    #[test]
    fn mypage_shows_a_held_booking_of_a_known_customer() {
        let opened = booking(Status::PaymentPending);
        let held = opened.clone().keep_held(at(1), false).booking;
        assert!(!held.has_mypage(), "mypage shows no held booking of an unknown customer");
        let mut known = opened;
        known.row.customer_id = CustomerId::new(33).ok();
        assert!(!known.has_mypage(), "the first attempt to pay has not ended");
        let held = known.keep_held(at(1), false).booking;
        assert!(held.has_mypage());
        assert!(held.expire(at(3_600)).booking.has_mypage(), "its end is shown as well");
    }
}
