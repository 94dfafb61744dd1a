//! Logging an outage: when it begins, when its cause changes, once a minute while it lasts, and when it is over. The attempts
//! in between may be many.

use std::time::{Duration, Instant};

/// How often a lasting outage is logged.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// The outage of one thing that is retried.
#[derive(Debug)]
pub struct Outage {
    consequence: &'static str,
    over: &'static str,
    /// The last cause that was logged, and when.
    logged: Option<(String, Instant)>,
}

impl Outage {
    /// `consequence` is logged while it lasts, `over` when it is over.
    pub fn new(consequence: &'static str, over: &'static str) -> Self {
        Self { consequence, over, logged: None }
    }

    /// Records that an attempt failed because of `cause`, and returns whether that was worth a warning.
    pub fn goes_on(&mut self, cause: String) -> bool {
        self.goes_on_at(cause, Instant::now())
    }

    fn goes_on_at(&mut self, cause: String, now: Instant) -> bool {
        let is_news = self
            .logged
            .as_ref()
            .is_none_or(|(logged, at)| *logged != cause || now.duration_since(*at) >= REMIND_EVERY);
        if is_news {
            tracing::warn!(cause, "{}", self.consequence);
            self.logged = Some((cause, now));
        } else {
            tracing::debug!(cause, "{}", self.consequence);
        }
        is_news
    }

    /// Records that an attempt succeeded, and returns whether an outage ended by it.
    pub fn is_over(&mut self) -> bool {
        let is_news = self.logged.take().is_some();
        if is_news {
            tracing::info!("{}", self.over);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_that_lasts_is_logged_once_a_minute() {
        let mut outage = Outage::new("away", "back");
        let start = Instant::now();
        let logged = (0..=150)
            .filter(|second| outage.goes_on_at("read-only".to_owned(), start + Duration::from_secs(*second)));
        assert_eq!(logged.collect::<Vec<_>>(), [0, 60, 120]);
    }

    #[test]
    fn only_a_change_is_news() {
        let mut outage = Outage::new("away", "back");
        assert!(!outage.is_over());
        assert_eq!(
            ["a", "a", "b", "b"].map(|cause| outage.goes_on(cause.to_owned())),
            [true, false, true, false]
        );
        assert_eq!([outage.is_over(), outage.is_over()], [true, false]);
        assert!(outage.goes_on("b".to_owned()));
    }
}
