//! One charge at a time for each reference.
//!
//! The database decides between two requests in any case. Here the second one waits for the first, so that it reports what
//! became of that instead of taking its own time to find out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Place, OwnedMutexGuard};
use tokio::time::timeout;

use crate::domain::Reference;

/// Longest that a request waits for the one before it: less than the deadline of a caller of a few seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// The charges that this process is deciding. Clones share them. There are at most as many as requests that the process
/// serves at the same time.
#[derive(Clone, Debug)]
pub struct Turns {
    places: Arc<Mutex<HashMap<Reference, Arc<Place<()>>>>>,
    patience: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(PATIENCE)
    }
}

/// The right to decide a reference's charge, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    reference: Reference,
    place: Option<Arc<Place<()>>>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Requests wait for `patience` at most.
    pub fn new(patience: Duration) -> Self {
        Self { places: Arc::default(), patience }
    }

    /// Waits until no other request decides the charge of `reference`. `None`: that takes too long.
    pub async fn take(&self, reference: &Reference) -> Option<Turn> {
        let place = self.places().entry(reference.clone()).or_default().clone();
        let mut turn = Turn {
            turns: self.clone(),
            reference: reference.clone(),
            place: Some(place.clone()),
            held: None,
        };
        turn.held = Some(timeout(self.patience, place.lock_owned()).await.ok()?);
        Some(turn)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Reference, Arc<Place<()>>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut places = self.turns.places();
        drop(self.held.take());
        drop(self.place.take());
        // The map has the last one.
        if places.get(&self.reference).is_some_and(|place| Arc::strong_count(place) == 1) {
            places.remove(&self.reference);
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
    async fn second_request_waits_for_the_first_but_not_for_ever() {
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
    async fn nothing_is_left_of_requests_that_have_ended_or_gave_up() {
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
        assert!(turns.places().is_empty());
    }
}
