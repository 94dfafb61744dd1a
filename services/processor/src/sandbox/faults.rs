//! Responses that fail on purpose.

use std::str::FromStr;

/// Shares of the responses that fail, each from 0 to 1. By default, none fails.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    lost: f64,
    late: f64,
    error: f64,
}

/// How one response fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is processed, and the connection closes without a response.
    Lost,
    /// The request is processed, and the response is late.
    Late,
    /// The request is not processed, and the response is 500.
    ErrorBefore,
    /// The request is processed, and the response is 500.
    ErrorAfter,
}

/// The error for a text that is not a list of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be shares from 0 to 1, of at most 1 in total, such as lost=0.02,late=0.01,5xx=0.05, each at most once"
)]
pub struct InvalidFaults;

impl Faults {
    /// Draws the fault of the next response.
    pub fn draw(&self) -> Option<Fault> {
        self.at(fastrand::f64())
    }

    /// The fault at `point`, with the shares placed one after the other on the range from 0 to 1.
    fn at(&self, point: f64) -> Option<Fault> {
        let shares = [
            (Fault::Lost, self.lost),
            (Fault::Late, self.late),
            (Fault::ErrorBefore, self.error / 2.0),
            (Fault::ErrorAfter, self.error / 2.0),
        ];
        let mut end = 0.0;
        shares.into_iter().find_map(|(fault, share)| {
            end += share;
            (point < end).then_some(fault)
        })
    }
}

impl FromStr for Faults {
    type Err = InvalidFaults;

    fn from_str(text: &str) -> Result<Self, InvalidFaults> {
        let (mut lost, mut late, mut error) = (None, None, None);
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, share) = item.split_once('=').ok_or(InvalidFaults)?;
            let share: f64 = share.trim().parse().map_err(|_| InvalidFaults)?;
            let slot = match name.trim() {
                "lost" => &mut lost,
                "late" => &mut late,
                "5xx" => &mut error,
                _ => return Err(InvalidFaults),
            };
            if slot.replace(share).is_some() || !(0.0..=1.0).contains(&share) {
                return Err(InvalidFaults);
            }
        }
        let all = [lost, late, error].map(Option::unwrap_or_default);
        if all.iter().sum::<f64>() > 1.0 {
            return Err(InvalidFaults);
        }
        let [lost, late, error] = all;
        Ok(Self { lost, late, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_share() {
        let faults: Faults = "lost=0.1, late=0.2,5xx=0.4".parse().unwrap();
        for (point, fault) in [
            (0.0, Some(Fault::Lost)),
            (0.099, Some(Fault::Lost)),
            (0.101, Some(Fault::Late)),
            (0.299, Some(Fault::Late)),
            (0.301, Some(Fault::ErrorBefore)),
            (0.499, Some(Fault::ErrorBefore)),
            (0.501, Some(Fault::ErrorAfter)),
            (0.699, Some(Fault::ErrorAfter)),
            (0.701, None),
            (0.999, None),
        ] {
            assert_eq!(faults.at(point), fault, "{point}");
        }
    }

    #[test]
    fn no_response_fails_without_a_share() {
        for text in ["", "lost=0", "lost=0,late=0,5xx=0"] {
            assert_eq!(text.parse::<Faults>().unwrap().at(0.0), None, "{text}");
        }
    }

    #[test]
    fn every_response_fails_with_a_share_of_one() {
        let faults: Faults = "5xx=1".parse().unwrap();
        assert_eq!(faults.at(0.0), Some(Fault::ErrorBefore));
        assert_eq!(faults.at(0.999_999), Some(Fault::ErrorAfter));
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "lost",
            "lost=",
            "lost=x",
            "lost=-0.1",
            "lost=1.1",
            "lost=NaN",
            "lost=inf",
            "gone=0.1",
            "lost=0.1,lost=0.1",
            "lost=0.6,late=0.6",
        ] {
            assert_eq!(text.parse::<Faults>(), Err(InvalidFaults), "{text}");
        }
    }
}
