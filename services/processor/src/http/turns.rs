//! Lets one request at a time decide the charge of a reference.
//!
//! The database decides between two requests in any case. With turns, the second request waits for the first
//! and returns its result, and does not spend the latency of a charge itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Lock, OwnedMutexGuard};
use tokio::time::timeout;

use crate::domain::Reference;

/// Maximum wait of a request for the one before it: shorter than the deadline of a few seconds that callers
/// have.
const MAX_WAIT: Duration = Duration::from_secs(4);

/// The locks of the references whose charges this process is deciding. Clones share them. There are at most
/// as many as concurrent requests.
#[derive(Clone, Debug)]
pub struct Turns {
    locks: Arc<Mutex<HashMap<Reference, Arc<Lock<()>>>>>,
    max_wait: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(MAX_WAIT)
    }
}

/// The right to decide a reference's charge, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    reference: Reference,
    lock: Option<Arc<Lock<()>>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Requests wait for at most `max_wait`.
    pub fn new(max_wait: Duration) -> Self {
        Self { locks: Arc::default(), max_wait }
    }

    /// Waits until no other request is deciding the charge of `reference`. Returns `None` if the wait was too
    /// long.
    pub async fn take(&self, reference: &Reference) -> Option<Turn> {
        let lock = self.locks().entry(reference.clone()).or_default().clone();
        let mut turn =
            Turn { turns: self.clone(), reference: reference.clone(), lock: Some(lock.clone()), guard: None };
        turn.guard = Some(timeout(self.max_wait, lock.lock_owned()).await.ok()?);
        Some(turn)
    }

    fn locks(&self) -> MutexGuard<'_, HashMap<Reference, Arc<Lock<()>>>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut locks = self.turns.locks();
        drop(self.guard.take());
        drop(self.lock.take());
        // The map has the last clone, so no request uses this lock.
        if locks.get(&self.reference).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            locks.remove(&self.reference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn second_request_waits_for_the_first_for_a_limited_time() {
        let turns = Turns::default();
        let first = turns.take(&reference("a")).await.unwrap();
        assert!(turns.take(&reference("b")).await.is_some());
        assert!(turns.take(&reference("a")).await.is_none());
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&reference("a")).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(second.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn ended_and_aborted_requests_leave_no_locks() {
        let turns = Turns::default();
        let first = turns.take(&reference("a")).await.unwrap();
        assert!(turns.take(&reference("a")).await.is_none());
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take(&reference("a")).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        waiting.abort();
        drop(waiting.await);
        assert!(turns.locks().is_empty());
    }
}
