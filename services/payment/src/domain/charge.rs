//! What is to be paid, once it is known to make sense.

use events::{BookingId, Invalid, Price};

/// One booking's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    pub booking_id: BookingId,
    pub price: Price,
}

impl Charge {
    /// Checks every field; finds all that is wrong at once. A charge without a price is for nothing, as a booking
    /// without a price is free.
    ///
    /// # Errors
    ///
    /// The wrong fields.
    pub fn parse(
        booking_id: Option<BookingId>,
        status: Option<&str>,
        total_price: Option<i64>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let mut wrong = |field, detail: String| invalid.push(Invalid::new(field, detail));
        if booking_id.is_none() {
            wrong("bookingId", "is required".to_owned());
        }
        if !matches!(status, None | Some("Paid")) {
            wrong("status", "must be \"Paid\" or be left out".to_owned());
        }
        let price = Price::parse(total_price.unwrap_or_default());
        if let Err(error) = price {
            wrong("totalPrice", error.to_string());
        }
        match (booking_id, price) {
            (Some(booking_id), Ok(price)) if invalid.is_empty() => Ok(Self { booking_id, price }),
            _ => Err(invalid),
        }
    }

    /// Whether a request for this charge may be named `key`. The fleet names the payment of a booking `booking-<id>`, which
    /// no request for another booking can take.
    pub fn may_be_named(&self, key: &str) -> bool {
        let named = key.strip_prefix("booking-").filter(|id| id.parse::<i64>().is_ok());
        named.is_none_or(|id| id == self.booking_id.to_string())
    }

    /// Whether `key` is the fleet's own name of this charge.
    pub fn is_named(&self, key: &str) -> bool {
        key.strip_prefix("booking-").is_some_and(|id| id == self.booking_id.to_string())
    }

    /// The same for every request that asks for this charge, however it was spelled, and for no other.
    pub fn fingerprint(&self) -> String {
        format!("bookingId={}&totalPrice={}", self.booking_id, self.price.get())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(booking: Option<i64>, status: Option<&str>, price: Option<i64>) -> Vec<&'static str> {
        let booking_id = booking.map(|id| BookingId::new(id).unwrap());
        let charge = Charge::parse(booking_id, status, price);
        charge.map_or_else(|all| all.iter().map(|one| one.field).collect(), |_| Vec::new())
    }

    proptest! {
        #[test]
        fn two_charges_have_one_fingerprint_only_if_they_are_one(
            (one, other) in ((1..50_i64, 0..50_i64), (1..50_i64, 0..50_i64)),
        ) {
            let charge = |(booking, price): (i64, i64)| {
                Charge::parse(BookingId::new(booking).ok(), Some("Paid"), Some(price)).unwrap()
            };
            let same = charge(one).fingerprint() == charge(other).fingerprint();
            prop_assert_eq!(same, one == other);
        }
    }

    #[test]
    fn name_of_a_bookings_payment_is_that_bookings_alone() {
        let charge = Charge::parse(BookingId::new(7).ok(), None, None).unwrap();
        for (key, may) in [
            ("booking-7", true),
            ("order-8", true),
            ("booking-of-mine", true),
            ("booking-8", false),
            ("booking-07", false),
        ] {
            assert_eq!(charge.may_be_named(key), may, "{key}");
        }
    }

    #[test]
    fn a_booking_is_enough() {
        let charge = Charge::parse(BookingId::new(1).ok(), None, None).unwrap();
        assert_eq!(charge.price.get(), 0);
    }

    #[test]
    fn all_that_is_wrong_is_found_at_once() {
        assert_eq!(wrong(None, Some("Canceled"), Some(-1)), ["bookingId", "status", "totalPrice"]);
        assert_eq!(wrong(Some(1), Some("paid"), None), ["status"]);
    }
}
