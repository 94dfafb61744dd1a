//! A valid order.

use std::fmt;

use events::text::{self, NAME_MAX, NotAName};
use events::{CustomerId, Name, ScreeningId};
pub use events::{Invalid, Price};

/// Number of places of one booking.
const QTY: std::ops::RangeInclusive<i64> = 1..=20;
/// Maximum length of a seat's name, in characters.
pub(super) const SEAT_MAX: usize = 10;
/// The form of a list of seats.
const SEAT_LIST: &str =
    "it must be a comma-separated list of seat names made of letters and digits, such as 1A,2B";

/// What a customer orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub movie_name: Option<Name>,
    pub seats: Option<Seats>,
    pub qty: Quantity,
    pub total_price: Option<Price>,
    pub customer_id: Option<CustomerId>,
    pub screening_id: Option<ScreeningId>,
    /// If the booking is held, pay for it without the customer as soon as payment works again.
    pub pay_later: bool,
}

/// The idempotency key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The owner: equal keys of two customers are two keys.
    pub scope: String,
    pub key: String,
    /// A hash of the request's fields: a request with the same key and a different fingerprint is rejected.
    pub fingerprint: String,
}

impl Order {
    /// Checks all fields that can be invalid. The order has no customer and no screening yet, and is not paid
    /// later.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn parse(
        movie_name: Option<String>,
        seat: Option<String>,
        qty: Option<i64>,
        total_price: Option<i64>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let mut check = |field, result: Result<(), String>| {
            if let Err(detail) = result {
                invalid.push(Invalid::new(field, detail));
            }
        };
        let seats = seat.map(|list| Seats::parse(&list)).transpose();
        let quantity = match (qty, seats.as_ref()) {
            (Some(qty), Ok(Some(seats))) if qty != seats.count() => {
                Err(format!("must be the number of seats, {}, or omitted", seats.count()))
            }
            (None, Ok(Some(seats))) => Quantity::parse(seats.count()),
            (qty, _) => Quantity::parse(qty.unwrap_or(1)),
        };
        let price = total_price.map(Price::parse).transpose();
        let movie_name = movie_name.map(|name| Name::parse(&name, NAME_MAX)).transpose();
        check("movieName", movie_name.as_ref().map(|_| ()).map_err(ToString::to_string));
        check("seat", seats.as_ref().map(|_| ()).map_err(Clone::clone));
        check("qty", quantity.as_ref().map(|_| ()).map_err(Clone::clone));
        check("totalPrice", price.as_ref().map(|_| ()).map_err(ToString::to_string));
        match (movie_name, seats, quantity, price) {
            (Ok(movie_name), Ok(seats), Ok(qty), Ok(total_price)) if invalid.is_empty() => {
                let (customer_id, screening_id, pay_later) = (None, None, false);
                Ok(Self { movie_name, seats, qty, total_price, customer_id, screening_id, pay_later })
            }
            _ => Err(invalid),
        }
    }
}

/// A number of places: 1 to 20.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(i64);

impl Quantity {
    /// Parses the number of seats.
    ///
    /// # Errors
    ///
    /// When `qty` is out of range.
    pub fn parse(qty: i64) -> Result<Self, String> {
        if QTY.contains(&qty) {
            Ok(Self(qty))
        } else {
            Err(format!("must be from {} to {}", QTY.start(), QTY.end()))
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

/// The normal form in which the name of a seat is stored, shown and compared: letters and digits, in
/// capitals.
///
/// # Errors
///
/// When it is blank, too long, or has any other character.
pub(super) fn seat_name(name: &str) -> Result<String, String> {
    let seat = match Name::parse(name.trim(), SEAT_MAX) {
        Ok(name) => name.capitals(),
        Err(NotAName::Blank) => return Err(format!("contains an empty seat name; {SEAT_LIST}")),
        Err(NotAName::TooLong(_)) => return Err(too_long()),
        Err(refused @ (NotAName::Invisible(_) | NotAName::Undefined(_))) => return Err(refused.to_string()),
    };
    match seat.chars().find(|letter| !letter.is_alphanumeric()) {
        Some(other) => Err(format!("contains {other:?}, which is not allowed in a seat name; {SEAT_LIST}")),
        None if seat.chars().count() > SEAT_MAX => Err(too_long()),
        None => Ok(seat),
    }
}

fn too_long() -> String {
    format!("names a seat with more than {SEAT_MAX} characters")
}

/// Seats by name: the seed's comma list, `1A,2B`. Each name is in normal form and occurs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seats(Vec<String>);

impl Seats {
    /// Parses a list of seats, separated by commas.
    ///
    /// # Errors
    ///
    /// When a seat is blank, too long, named twice, or has anything but letters and digits, or there are too
    /// many.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut seats: Vec<String> = Vec::new();
        // NFKC turns commas of other widths into commas, so that none gets into a name.
        for name in text::nfkc(list).split(',') {
            let seat = seat_name(name)?;
            if seats.contains(&seat) {
                return Err(format!("names {seat} twice"));
            }
            if seats.len() as i64 == *QTY.end() {
                return Err(format!("must list at most {} seats", QTY.end()));
            }
            seats.push(seat);
        }
        Ok(Self(seats))
    }

    /// The names in `list`, valid or not, by which two requests are compared.
    pub fn as_sent(list: &str) -> Vec<String> {
        let name = |name: &str| text::capitals(&text::request_key(name.trim()));
        text::nfkc(list).split(',').map(name).collect()
    }

    pub fn count(&self) -> i64 {
        self.0.len() as i64
    }

    /// Their names, in the order of the list.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrong(seat: Option<&str>, qty: Option<i64>, price: Option<i64>) -> Vec<&'static str> {
        let order = Order::parse(None, seat.map(str::to_owned), qty, price);
        order.map_or_else(|all| all.iter().map(|one| one.field).collect(), |_| Vec::new())
    }

    proptest! {
        #[test]
        fn written_seats_parse_to_themselves(list in "[0-9a-zA-Z ,Ａａßıǰ，가\u{301}\u{345}]{0,30}") {
            if let Ok(seats) = Seats::parse(&list) {
                prop_assert_eq!(Seats::parse(&seats.to_string()), Ok(seats));
            }
        }

        #[test]
        fn equal_seats_are_equal_as_sent(list in "[0-9a-zA-Z ,Ａａßıǰ，가\u{301}\u{345}]{0,30}") {
            if let Ok(seats) = Seats::parse(&list) {
                prop_assert_eq!(Seats::as_sent(&list), seats.names());
            }
        }

        #[test]
        fn quantity_out_of_range_is_refused(qty: i64) {
            prop_assert_eq!(Quantity::parse(qty).is_ok(), (1..=20).contains(&qty));
        }
    }

    #[test]
    fn seats_are_trimmed_and_in_capitals() {
        assert_eq!(Seats::parse(" 1a , 2b").unwrap().to_string(), "1A,2B");
    }

    #[test]
    fn seat_has_one_normal_form() {
        for list in ["3C,4D", "3c,4d", "３Ｃ，４Ｄ", " 3C\u{3000},\u{a0}4D\n", "③c﹐4d"] {
            assert_eq!(Seats::parse(list).unwrap().to_string(), "3C,4D", "{list}");
        }
        let same = ["1A,１Ａ", "1ß,1ẞ,2A", "1A\u{200b}", "1\u{ad}A", "1A\u{3164}", "\u{202e}1A"];
        for list in same {
            assert!(Seats::parse(list).is_err(), "{list}");
        }
    }

    #[test]
    fn invalid_seats_are_refused() {
        for list in ["", " ", "1A,", ",1A", "1A,,2B", "1A,1a", "ABCDEFGHIJK"] {
            assert_eq!(wrong(Some(list), None, None), ["seat"], "{list}");
        }
        for list in
            ["1 A", "1A;2B", "1A\n2B", "1A/2B", "1-A", "1_A", "1A.", "'1A'", "★", "\u{301}1A", "\u{2800}"]
        {
            assert_eq!(wrong(Some(list), None, None), ["seat"], "{list:?}");
        }
        let many: Vec<String> = (0..21).map(|seat| seat.to_string()).collect();
        assert_eq!(wrong(Some(&many.join(",")), None, None), ["seat"]);
    }

    #[test]
    fn name_of_a_seat_has_at_most_ten_characters_in_capitals() {
        // ß in capitals is two letters.
        for (right, capitals) in [("abcdefghij", "ABCDEFGHIJ"), ("ßßßßß", "SSSSSSSSSS")] {
            assert_eq!(Seats::parse(right).unwrap().names(), [capitals]);
        }
        for wrong in ["abcdefghijk", "ßßßßßa", "ßßßßßßßßßß"] {
            let detail = Seats::parse(wrong).unwrap_err();
            assert_eq!(detail, "names a seat with more than 10 characters", "{wrong}");
        }
    }

    /// Fingerprints of earlier requests were computed from such lists.
    #[test]
    fn list_that_was_once_valid_is_compared_as_before() {
        assert_eq!(Seats::as_sent(" 1  a;2b ,＃3"), ["1 A;2B", "#3"]);
        assert_ne!(Seats::as_sent("1\u{ad}A"), Seats::as_sent("1A"));
    }

    #[test]
    fn quantity_is_the_number_of_seats() {
        assert_eq!(wrong(Some("1A,2B"), Some(3), None), ["qty"]);
        let order = Order::parse(None, Some("1A,2B".to_owned()), None, None).unwrap();
        assert_eq!(order.qty.get(), 2);
    }

    #[test]
    fn all_invalid_fields_are_reported() {
        assert_eq!(wrong(Some("1A,1A"), Some(0), Some(-1)), ["seat", "qty", "totalPrice"]);
    }

    #[test]
    fn order_needs_neither_movie_nor_seats_nor_price() {
        assert_eq!(wrong(None, Some(3), None), [""; 0]);
        assert_eq!(wrong(None, None, None), [""; 0]);
    }
}
