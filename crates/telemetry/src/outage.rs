//! Logs the outages of what a process depends on: its database, the event log, another service.
//!
//! When a dependency fails, every task that needs it fails, each again and again and with an error of its
//! own. An operator needs one line. So all tasks of a process report to one table, which logs an outage when
//! it begins, once a minute while it lasts, and when it ends. A dependency that fails again within the minute
//! is logged when the minute is over, if it still fails then.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The `dependency` of the process's own database.
pub const DATABASE: &str = "database";
/// The `dependency` of the topic that carries the events, on a broker or in a file.
pub const EVENT_LOG: &str = "event log";

/// Minimum time between two lines about failures of one dependency.
const REMIND_EVERY: Duration = Duration::from_secs(60);

static TABLE: Mutex<Table> = Mutex::new(Table(BTreeMap::new()));

/// One operation that needs a dependency. An outage lasts until each failed operation has succeeded or was
/// dropped.
#[derive(Debug)]
pub struct Outage {
    dependency: Cow<'static, str>,
    operation: u64,
    /// Spares an operation that works the lock of the table.
    has_failed: AtomicBool,
}

impl Outage {
    /// Creates an operation that needs `dependency`, which has not failed yet.
    pub fn of(dependency: impl Into<Cow<'static, str>>) -> Self {
        static OPERATIONS: AtomicU64 = AtomicU64::new(0);
        Self {
            dependency: dependency.into(),
            operation: OPERATIONS.fetch_add(1, Ordering::Relaxed),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Records that an attempt failed because of `cause`.
    pub fn failed(&self, cause: impl Into<String>) {
        let cause = cause.into();
        let mut table = table();
        self.has_failed.store(true, Ordering::Relaxed);
        match table.failed(&self.dependency, self.operation, &cause, Instant::now()) {
            Some(line) => line.write(),
            None => tracing::debug!(
                dependency = %self.dependency,
                operation = self.operation,
                cause,
                "an attempt failed because of a dependency"
            ),
        }
    }

    /// Records that nothing is attempted any more, whether or not the dependency works.
    pub fn forget(&self) {
        if self.has_failed.swap(false, Ordering::Relaxed) {
            table().forget(&self.dependency, self.operation);
        }
    }

    /// Records that an attempt succeeded.
    pub fn succeeded(&self) {
        if self.has_failed.load(Ordering::Relaxed) {
            let mut table = table();
            self.has_failed.store(false, Ordering::Relaxed);
            if let Some(line) = table.succeeded(&self.dependency, self.operation, Instant::now()) {
                line.write();
            }
        }
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Logs the outages that have lasted for another minute. Called every few seconds.
pub(crate) fn remind() {
    // Written under the lock, so that no line about an outage follows the one about its end.
    let mut table = table();
    table.due(Instant::now()).iter().for_each(Line::write);
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The dependencies that have failed at some time, by their names.
#[derive(Debug, Default)]
struct Table(BTreeMap<String, Dependency>);

#[derive(Debug)]
struct Dependency {
    /// The operations whose last attempt failed. If there is none, there is no outage.
    failing: BTreeSet<u64>,
    /// The last known cause, and when the outage began.
    cause: String,
    since: Instant,
    /// When a line about a failure was written last.
    logged_at: Option<Instant>,
    /// Whether a line about this outage was written, so that its end gets one too.
    is_logged: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Failing { dependency: String, cause: String, lasted: Duration },
    Over { dependency: String, lasted: Duration },
}

impl Line {
    fn write(&self) {
        match self {
            Self::Failing { dependency, cause, lasted } => tracing::warn!(
                %dependency,
                cause,
                outage_seconds = lasted.as_secs(),
                "a dependency fails; this process retries"
            ),
            Self::Over { dependency, lasted } => tracing::info!(
                %dependency,
                outage_seconds = lasted.as_secs(),
                "a dependency works again"
            ),
        }
    }
}

impl Table {
    fn failed(&mut self, name: &str, operation: u64, cause: &str, now: Instant) -> Option<Line> {
        let known = self.0.entry(name.to_owned()).or_insert_with(|| Dependency {
            failing: BTreeSet::new(),
            cause: String::new(),
            since: now,
            logged_at: None,
            is_logged: false,
        });
        if known.failing.is_empty() {
            (known.since, known.is_logged) = (now, false);
        }
        known.failing.insert(operation);
        cause.clone_into(&mut known.cause);
        known.line(name, now)
    }

    fn succeeded(&mut self, name: &str, operation: u64, now: Instant) -> Option<Line> {
        let known = self.0.get_mut(name)?;
        let is_over = known.failing.remove(&operation) && known.failing.is_empty() && known.is_logged;
        is_over.then(|| Line::Over { dependency: name.to_owned(), lasted: now - known.since })
    }

    fn forget(&mut self, name: &str, operation: u64) {
        if let Some(known) = self.0.get_mut(name) {
            known.failing.remove(&operation);
        }
    }

    fn due(&mut self, now: Instant) -> Vec<Line> {
        let failing = self.0.iter_mut().filter(|(_, known)| !known.failing.is_empty());
        failing.filter_map(|(name, known)| known.line(name, now)).collect()
    }
}

impl Dependency {
    /// Returns the line about this outage, unless one was written within the last minute.
    fn line(&mut self, name: &str, now: Instant) -> Option<Line> {
        if self.logged_at.is_some_and(|at| now - at < REMIND_EVERY) {
            return None;
        }
        (self.logged_at, self.is_logged) = (Some(now), true);
        let lasted = now - self.since;
        Some(Line::Failing { dependency: name.to_owned(), cause: self.cause.clone(), lasted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = DATABASE;

    /// The table, and a clock that starts when it is empty.
    struct At(Table, Instant);

    impl At {
        fn fails(&mut self, second: u64, operation: u64, cause: &str) -> Option<u64> {
            let line = self.0.failed(NAME, operation, cause, self.1 + Duration::from_secs(second));
            line.map(|line| lasted(&line))
        }

        fn works(&mut self, second: u64, operation: u64) -> Option<u64> {
            let line = self.0.succeeded(NAME, operation, self.1 + Duration::from_secs(second));
            line.map(|line| lasted(&line))
        }

        fn reminds(&mut self, second: u64) -> Option<u64> {
            let lines = self.0.due(self.1 + Duration::from_secs(second));
            assert!(lines.len() <= 1, "{lines:?}");
            lines.first().map(lasted)
        }
    }

    fn lasted(line: &Line) -> u64 {
        match line {
            Line::Failing { lasted, .. } | Line::Over { lasted, .. } => lasted.as_secs(),
        }
    }

    fn empty() -> At {
        At(Table::default(), Instant::now())
    }

    #[test]
    fn outage_of_many_tasks_is_one_line_a_minute() {
        let mut at = empty();
        let mut logged = Vec::new();
        for second in 0..150 {
            for operation in 0..5 {
                logged.extend(at.fails(second, operation, &format!("cause {operation}")));
            }
            logged.extend(at.reminds(second));
        }
        assert_eq!(logged, [0, 60, 120]);
    }

    #[test]
    fn idle_process_is_reminded_too_with_the_last_cause() {
        let mut at = empty();
        at.fails(0, 1, "first");
        at.fails(1, 1, "last");
        assert_eq!(at.reminds(59), None);
        let now = at.1 + Duration::from_secs(60);
        let expected = Line::Failing {
            dependency: NAME.to_owned(),
            cause: "last".to_owned(),
            lasted: Duration::from_secs(60),
        };
        assert_eq!(at.0.due(now), [expected]);
        assert_eq!(at.reminds(61), None);
    }

    #[test]
    fn outage_ends_when_every_failed_operation_has_succeeded_or_is_gone() {
        let mut at = empty();
        for operation in 0..3 {
            at.fails(0, operation, "refused");
        }
        assert_eq!((at.works(1, 0), at.works(1, 0), at.works(2, 1)), (None, None, None));
        assert_eq!(at.works(7, 2), Some(7));
        assert_eq!(at.reminds(500), None);

        at.fails(600, 0, "refused");
        at.0.forget(NAME, 0);
        assert_eq!(at.reminds(700), None);
    }

    #[test]
    fn dependency_that_fails_again_and_again_is_logged_once_a_minute() {
        let mut at = empty();
        let mut logged = Vec::new();
        for second in 0..130 {
            if at.fails(second, 1, "refused").is_some() {
                logged.push((second, "failing"));
            }
            if at.works(second, 1).is_some() {
                logged.push((second, "over"));
            }
        }
        let expected = [0, 60, 120].map(|second| [(second, "failing"), (second, "over")]).concat();
        assert_eq!(logged, expected);
    }

    #[test]
    fn operation_that_works_is_not_in_the_table() {
        let outage = Outage::of("a dependency of this test");
        outage.succeeded();
        assert!(!table().0.contains_key("a dependency of this test"));
        outage.failed("refused");
        assert_eq!(table().0["a dependency of this test"].failing.len(), 1);
        drop(outage);
        assert!(table().0["a dependency of this test"].failing.is_empty());
    }
}
