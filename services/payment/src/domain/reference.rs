//! The name of a booking's charge at the payment provider.

use std::fmt;
use std::str::FromStr;

use events::BookingId;

/// Maximum length of a fleet id, in characters.
const FLEET_ID_MAX: usize = 32;

/// The name of this installation at the payment provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetId(String);

/// The error for a text that is not a fleet id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {FLEET_ID_MAX} characters of a-z, 0-9 and -")]
pub struct InvalidFleetId;

impl FromStr for FleetId {
    type Err = InvalidFleetId;

    fn from_str(text: &str) -> Result<Self, InvalidFleetId> {
        let is_allowed = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=FLEET_ID_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidFleetId)
        }
    }
}

/// The name of a booking's charge at the provider, and its idempotency key there: a reference has at most one
/// charge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// The reference of the booking `booking_id` in the installation `fleet`.
    pub fn of(fleet: &FleetId, booking_id: BookingId) -> Self {
        Self(format!("{}-booking-{booking_id}", fleet.0))
    }

    /// A reference read from the database.
    pub fn restore(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_contains_the_fleet_and_the_booking() {
        let fleet = "seoul-1".parse().unwrap();
        let reference = Reference::of(&fleet, BookingId::new(7).unwrap());
        assert_eq!(reference.as_str(), "seoul-1-booking-7");
    }

    #[test]
    fn fleet_id_is_short_and_needs_no_escape_in_a_path() {
        for text in ["a", "seoul-1", &"x".repeat(32)] {
            assert!(text.parse::<FleetId>().is_ok(), "{text}");
        }
        for text in ["", "Seoul", "a b", "a/b", "a.b", "서울", &"x".repeat(33)] {
            assert_eq!(text.parse::<FleetId>(), Err(InvalidFleetId), "{text}");
        }
    }
}
