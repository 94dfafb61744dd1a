//! Finds log lines that repeat.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a line counts as recent.
const RECENT: Duration = Duration::from_secs(60);

/// Returns whether a line of this `kind` was logged within the last minute. If not, the caller logs one now.
pub fn is_repeated(kind: &str) -> bool {
    static RECENT_LINES: Mutex<Kinds> = Mutex::new(Kinds(BTreeMap::new()));
    let mut kinds = RECENT_LINES.lock().unwrap_or_else(PoisonError::into_inner);
    kinds.is_repeated(kind, Instant::now())
}

/// The kinds of lines of the last minute, and when a line of that kind was logged.
struct Kinds(BTreeMap<String, Instant>);

impl Kinds {
    fn is_repeated(&mut self, kind: &str, now: Instant) -> bool {
        self.0.retain(|_, at| now - *at < RECENT);
        let is_repeated = self.0.contains_key(kind);
        if !is_repeated {
            self.0.insert(kind.to_owned(), now);
        }
        is_repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_a_kind_is_logged_once_a_minute() {
        let mut kinds = Kinds(BTreeMap::new());
        let start = Instant::now();
        let logged = |kinds: &mut Kinds, kind| {
            let seconds =
                (0..150).filter(|second| !kinds.is_repeated(kind, start + Duration::from_secs(*second)));
            seconds.collect::<Vec<_>>()
        };
        assert_eq!(logged(&mut kinds, "a"), [0, 60, 120]);
        assert!(!kinds.is_repeated("b", start + Duration::from_secs(149)));
    }
}
