//! The time zone of events without a `ce_time`: the original Java services write their local time without a
//! zone.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, offset};

/// The time zone in which the original services run.
pub const DEFAULT: &str = "Asia/Seoul";
/// Its offset since 1988, for machines without a time zone database, such as small containers.
const DEFAULT_OFFSET: Offset = offset(9);

/// `SEED_TIME_ZONE`: the name of a time zone, such as `Asia/Seoul`, or an offset from UTC, such as `+09:00`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedTimeZone(TimeZone);

/// The text is not a time zone.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is neither a time zone of this machine's database, such as {DEFAULT}, nor an offset, such as +09:00"
)]
pub struct UnknownTimeZone(String);

impl SeedTimeZone {
    /// The moment at which a clock in this zone shows `local`, or `None` if that is out of range.
    pub fn moment(&self, local: DateTime) -> Option<Timestamp> {
        self.0.to_timestamp(local).ok()
    }
}

impl Default for SeedTimeZone {
    fn default() -> Self {
        Self(TimeZone::get(DEFAULT).unwrap_or_else(|_| TimeZone::fixed(DEFAULT_OFFSET)))
    }
}

impl FromStr for SeedTimeZone {
    type Err = UnknownTimeZone;

    fn from_str(text: &str) -> Result<Self, UnknownTimeZone> {
        if text == DEFAULT {
            return Ok(Self::default());
        }
        let offset = jiff::fmt::strtime::parse("%:z", text).ok().and_then(|parsed| parsed.offset());
        let zone = offset.map(TimeZone::fixed).or_else(|| TimeZone::get(text).ok());
        zone.map(Self).ok_or_else(|| UnknownTimeZone(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_a_name_or_an_offset() {
        let local: DateTime = "2021-02-23T13:32:28".parse().unwrap();
        for (zone, moment) in [
            ("Asia/Seoul", "2021-02-23T04:32:28Z"),
            ("+09:00", "2021-02-23T04:32:28Z"),
            ("-05:30", "2021-02-23T19:02:28Z"),
            ("UTC", "2021-02-23T13:32:28Z"),
        ] {
            let zone: SeedTimeZone = zone.parse().unwrap();
            assert_eq!(zone.moment(local), moment.parse().ok(), "{zone:?}");
        }
        for wrong in ["", "Seoul", "+9h", "Mars/Olympus"] {
            assert!(wrong.parse::<SeedTimeZone>().is_err(), "{wrong}");
        }
    }
}
