//! A valid request to charge for a booking.

use events::{BookingId, Invalid, Price};

/// The price to charge for a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Charge {
    pub booking_id: BookingId,
    pub price: Price,
}

impl Charge {
    /// Parses every field. Without `total_price`, the charge is 0, because a booking without a price is free.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn parse(
        booking_id: Option<BookingId>,
        status: Option<&str>,
        total_price: Option<i64>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let mut reject = |field, detail: String| invalid.push(Invalid::new(field, detail));
        if booking_id.is_none() {
            reject("bookingId", "is required".to_owned());
        }
        if !matches!(status, None | Some("Paid")) {
            reject("status", "must be \"Paid\" or omitted".to_owned());
        }
        let price = Price::parse(total_price.unwrap_or_default());
        if let Err(error) = price {
            reject("totalPrice", error.to_string());
        }
        match (booking_id, price) {
            (Some(booking_id), Ok(price)) if invalid.is_empty() => Ok(Self { booking_id, price }),
            _ => Err(invalid),
        }
    }

    /// Whether a request for this charge may have the idempotency key `key`. The fleet's own key
    /// `booking-<id>` is reserved for the payment of that booking.
    pub fn may_have_key(&self, key: &str) -> bool {
        let reserved = key.strip_prefix("booking-").filter(|id| id.parse::<i64>().is_ok());
        reserved.is_none_or(|id| id == self.booking_id.to_string())
    }

    /// Whether `key` is the fleet's own key of this charge.
    pub fn is_fleet_key(&self, key: &str) -> bool {
        key.strip_prefix("booking-").is_some_and(|id| id == self.booking_id.to_string())
    }

    /// A text that is equal for all requests for this charge, however their JSON is written, and for no
    /// others.
    pub fn fingerprint(&self) -> String {
        format!("bookingId={}&totalPrice={}", self.booking_id, self.price.get())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invalid_fields(booking: Option<i64>, status: Option<&str>, price: Option<i64>) -> Vec<&'static str> {
        let booking_id = booking.map(|id| BookingId::new(id).unwrap());
        let charge = Charge::parse(booking_id, status, price);
        charge.map_or_else(|invalid| invalid.iter().map(|field| field.field).collect(), |_| Vec::new())
    }

    proptest! {
        #[test]
        fn fingerprints_are_equal_only_for_equal_charges(
            (first, second) in ((1..50_i64, 0..50_i64), (1..50_i64, 0..50_i64)),
        ) {
            let charge = |(booking, price): (i64, i64)| {
                Charge::parse(BookingId::new(booking).ok(), Some("Paid"), Some(price)).unwrap()
            };
            let same = charge(first).fingerprint() == charge(second).fingerprint();
            prop_assert_eq!(same, first == second);
        }
    }

    #[test]
    fn fleet_key_is_reserved_for_its_booking() {
        let charge = Charge::parse(BookingId::new(7).ok(), None, None).unwrap();
        for (key, is_allowed) in [
            ("booking-7", true),
            ("order-8", true),
            ("booking-of-mine", true),
            ("booking-8", false),
            ("booking-07", false),
        ] {
            assert_eq!(charge.may_have_key(key), is_allowed, "{key}");
        }
    }

    #[test]
    fn status_and_price_may_be_omitted() {
        let charge = Charge::parse(BookingId::new(1).ok(), None, None).unwrap();
        assert_eq!(charge.price.get(), 0);
    }

    #[test]
    fn all_invalid_fields_are_listed() {
        assert_eq!(invalid_fields(None, Some("Canceled"), Some(-1)), ["bookingId", "status", "totalPrice"]);
        assert_eq!(invalid_fields(Some(1), Some("paid"), None), ["status"]);
    }
}
