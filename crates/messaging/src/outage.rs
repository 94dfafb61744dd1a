//! Telling of something that is away: when it goes, when the reason changes, and when it is back. Not at each attempt in
//! between, of which there may be many and for long.

/// Of one thing that is tried again and again.
#[derive(Debug)]
pub struct Outage {
    consequence: &'static str,
    over: &'static str,
    cause: Option<String>,
}

impl Outage {
    /// What to say of it while it lasts, and when it is over.
    pub fn new(consequence: &'static str, over: &'static str) -> Self {
        Self { consequence, over, cause: None }
    }

    /// An attempt has failed, because of `cause`. Whether that is news.
    pub fn goes_on(&mut self, cause: String) -> bool {
        let is_news = self.cause.as_ref() != Some(&cause);
        if is_news {
            tracing::warn!(cause, "{}", self.consequence);
        } else {
            tracing::debug!(cause, "{}", self.consequence);
        }
        self.cause = Some(cause);
        is_news
    }

    /// An attempt was successful. Whether that is news.
    pub fn is_over(&mut self) -> bool {
        let is_news = self.cause.take().is_some();
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
