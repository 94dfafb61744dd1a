//! How long a charge takes. The load experiment of the original services uses 400 to 620 ms.

use std::str::FromStr;
use std::time::Duration;

/// Maximum latency, in milliseconds.
const LATENCY_MAX_MS: u64 = 60_000;

/// A range of durations, including both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    min_ms: u64,
    max_ms: u64,
}

/// The error for a text that is not a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be milliseconds, such as 500, or a range of them, such as 400..620, of at most {LATENCY_MAX_MS}"
)]
pub struct InvalidLatency;

impl Latency {
    /// Draws a duration from the range, uniformly.
    pub fn draw(self) -> Duration {
        Duration::from_millis(fastrand::u64(self.min_ms..=self.max_ms))
    }
}

impl FromStr for Latency {
    type Err = InvalidLatency;

    fn from_str(text: &str) -> Result<Self, InvalidLatency> {
        let ms = |number: &str| number.trim().parse::<u64>().map_err(|_| InvalidLatency);
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let latency = Self { min_ms: ms(min)?, max_ms: ms(max)? };
        if latency.min_ms <= latency.max_ms && latency.max_ms <= LATENCY_MAX_MS {
            Ok(latency)
        } else {
            Err(InvalidLatency)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_draw_is_in_the_range(min_ms in 0..=LATENCY_MAX_MS, width in 0..1_000_u64) {
            let max_ms = (min_ms + width).min(LATENCY_MAX_MS);
            let latency: Latency = format!("{min_ms}..{max_ms}").parse().unwrap();
            let drawn = u64::try_from(latency.draw().as_millis()).unwrap();
            prop_assert!((min_ms..=max_ms).contains(&drawn));
        }
    }

    #[test]
    fn number_is_a_range_of_one_duration() {
        assert_eq!("500".parse::<Latency>(), "500..500".parse());
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "fast", "-1", "1.5", "..", "400..", "..620", "620..400", "0..60001", "1..2..3"] {
            assert_eq!(text.parse::<Latency>(), Err(InvalidLatency), "{text}");
        }
    }
}
