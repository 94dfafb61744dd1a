//! The behavior of the sandbox: how long a charge takes, which charges are declined, and which responses fail
//! on purpose.

use std::time::Duration;

use crate::domain::{Amount, Charge, DeclineReason, Token, Verdict};

mod faults;
mod latency;

pub use faults::{Fault, Faults, InvalidFaults};
pub use latency::{InvalidLatency, Latency};

/// How long a charge with `tok_slow` takes: longer than the deadline of a few seconds that callers have.
const SLOW: Duration = Duration::from_secs(8);

/// The configured behavior.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// How long each charge takes. `None` if it takes no time.
    pub latency: Option<Latency>,
    /// The highest amount that is charged. `None` if any amount is charged.
    pub decline_over: Option<Amount>,
    pub faults: Faults,
    /// The additional time of a charge with `tok_slow`.
    pub slow: Duration,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self { latency: None, decline_over: None, faults: Faults::default(), slow: SLOW }
    }
}

impl Sandbox {
    /// Returns how long this charge takes, or `None` if it takes no time.
    pub fn duration_of(&self, charge: &Charge) -> Option<Duration> {
        let slow = if charge.token == Token::Slow { self.slow } else { Duration::ZERO };
        let time = slow + self.latency.map(Latency::draw).unwrap_or_default();
        (!time.is_zero()).then_some(time)
    }

    /// Decides this charge. The same charge always gets the same verdict.
    pub fn verdict(&self, charge: &Charge) -> Verdict {
        let is_over = self.decline_over.is_some_and(|highest| charge.money.amount > highest);
        match charge.token {
            Token::Ok | Token::Slow if is_over => Verdict::Decline(DeclineReason::AmountLimit),
            Token::Ok | Token::Slow => Verdict::Pay,
            Token::Declined => Verdict::Decline(DeclineReason::Declined),
            Token::InsufficientFunds => Verdict::Decline(DeclineReason::InsufficientFunds),
            Token::Unknown => Verdict::Decline(DeclineReason::UnknownToken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(amount: i64, token: Option<&str>) -> Charge {
        Charge::parse("order-1", Some(amount), Some("KRW"), token).unwrap()
    }

    #[test]
    fn amount_over_the_limit_is_declined_whatever_the_token() {
        let sandbox = Sandbox { decline_over: Some(Amount::parse(100).unwrap()), ..Sandbox::default() };
        for token in [None, Some("tok_ok"), Some("tok_slow")] {
            assert_eq!(sandbox.verdict(&charge(100, token)), Verdict::Pay);
            assert_eq!(sandbox.verdict(&charge(101, token)), Verdict::Decline(DeclineReason::AmountLimit));
        }
    }

    #[test]
    fn token_determines_the_decline_reason() {
        let sandbox = Sandbox::default();
        for (token, reason) in [
            ("tok_declined", DeclineReason::Declined),
            ("tok_insufficient_funds", DeclineReason::InsufficientFunds),
            ("tok_stolen", DeclineReason::UnknownToken),
        ] {
            assert_eq!(sandbox.verdict(&charge(0, Some(token))), Verdict::Decline(reason));
        }
    }

    #[test]
    fn charge_takes_time_only_by_latency_or_a_slow_token() {
        let default = Sandbox::default();
        assert_eq!(default.duration_of(&charge(1, None)), None);
        let zero = Sandbox { latency: Some("0".parse().unwrap()), ..default };
        assert_eq!(zero.duration_of(&charge(1, None)), None);
        assert_eq!(default.duration_of(&charge(1, Some("tok_slow"))), Some(SLOW));
        let slower = Sandbox { latency: Some("20".parse().unwrap()), ..default };
        assert_eq!(slower.duration_of(&charge(1, Some("tok_declined"))), Some(Duration::from_millis(20)));
        assert_eq!(slower.duration_of(&charge(1, Some("tok_slow"))), Some(SLOW + Duration::from_millis(20)));
    }
}
