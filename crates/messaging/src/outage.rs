//! Logging an outage: when it begins, when its cause changes, once a minute while it lasts, and when it ends,
//! however many attempts are made.

use std::time::{Duration, Instant};

/// Interval at which a lasting outage is logged.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// The outage of one operation that is retried.
#[derive(Debug)]
pub struct Outage {
    consequence: &'static str,
    over: &'static str,
    /// The last cause that was logged, and when.
    logged: Option<(String, Instant)>,
}

impl Outage {
    /// `consequence` is logged while the outage lasts, `over` when it ends.
    pub fn new(consequence: &'static str, over: &'static str) -> Self {
        Self { consequence, over, logged: None }
    }

    /// Records that an attempt failed because of `cause`, and returns whether that was worth a warning.
    pub fn failed(&mut self, cause: String) -> bool {
        self.failed_at(cause, Instant::now())
    }

    fn failed_at(&mut self, cause: String, now: Instant) -> bool {
        let is_new = self
            .logged
            .as_ref()
            .is_none_or(|(logged, at)| *logged != cause || now.duration_since(*at) >= REMIND_EVERY);
        if is_new {
            tracing::warn!(cause, "{}", self.consequence);
            self.logged = Some((cause, now));
        } else {
            tracing::debug!(cause, "{}", self.consequence);
        }
        is_new
    }

    /// Records that an attempt succeeded, and returns whether that ended an outage.
    pub fn succeeded(&mut self) -> bool {
        let is_new = self.logged.take().is_some();
        if is_new {
            tracing::info!("{}", self.over);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lasting_outage_is_logged_once_a_minute() {
        let mut outage = Outage::new("away", "back");
        let start = Instant::now();
        let logged = (0..=150)
            .filter(|second| outage.failed_at("read-only".to_owned(), start + Duration::from_secs(*second)));
        assert_eq!(logged.collect::<Vec<_>>(), [0, 60, 120]);
    }

    #[test]
    fn only_changes_are_logged() {
        let mut outage = Outage::new("away", "back");
        assert!(!outage.succeeded());
        assert_eq!(
            ["a", "a", "b", "b"].map(|cause| outage.failed(cause.to_owned())),
            [true, false, true, false]
        );
        assert_eq!([outage.succeeded(), outage.succeeded()], [true, false]);
        assert!(outage.failed("b".to_owned()));
    }
}
