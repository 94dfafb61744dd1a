//! Requests of this process that wait for a change of one booking.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::BookingId;
use tokio::sync::watch;

/// Wakes waiters by booking. Clones share the waiters; a booking without waiters takes no memory.
#[derive(Clone, Debug, Default)]
pub struct Waiters {
    bookings: Arc<Mutex<HashMap<BookingId, watch::Sender<()>>>>,
}

/// A registration as a waiter for one booking, until it is dropped.
#[derive(Debug)]
pub struct Waiter {
    waiters: Waiters,
    booking: BookingId,
    wakes: watch::Receiver<()>,
}

impl Waiters {
    /// Registers a waiter for `booking`. Do so before reading the booking, so that no change in between is
    /// missed.
    pub fn wait_for(&self, booking: BookingId) -> Waiter {
        let mut bookings = self.lock();
        let wakes = bookings.entry(booking).or_insert_with(|| watch::Sender::new(())).subscribe();
        Waiter { waiters: self.clone(), booking, wakes }
    }

    /// Wakes the waiters of the `changed` bookings only. Call it after the commit.
    pub fn wake(&self, changed: impl IntoIterator<Item = BookingId>) {
        let bookings = self.lock();
        if bookings.is_empty() {
            return;
        }
        for booking in changed {
            if let Some(waiters) = bookings.get(&booking) {
                waiters.send_replace(());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BookingId, watch::Sender<()>>> {
        self.bookings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Returns when the booking has been woken since the registration, or since the last return.
    pub async fn woken(&mut self) {
        if self.wakes.changed().await.is_err() {
            // Unreachable: the sender exists as long as there are waiters.
            pending::<()>().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut bookings = self.waiters.lock();
        // The count still includes this waiter.
        if bookings.get(&self.booking).is_some_and(|waiters| waiters.receiver_count() == 1) {
            bookings.remove(&self.booking);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn booking(id: i64) -> BookingId {
        BookingId::new(id).unwrap()
    }

    #[test]
    fn waiters_are_woken_by_their_own_booking_only() {
        let waiters = Waiters::default();
        let mut places: Vec<_> = (0..200).map(|_| waiters.wait_for(booking(1))).collect();
        waiters.wake([booking(2), booking(3)]);
        assert!(places.iter_mut().all(|waiter| waiter.woken().now_or_never().is_none()));
        waiters.wake([booking(2), booking(1)]);
        assert!(places.iter_mut().all(|waiter| waiter.woken().now_or_never().is_some()));
        assert!(places.iter_mut().all(|waiter| waiter.woken().now_or_never().is_none()));
    }

    #[test]
    fn wake_before_the_wait_is_not_lost() {
        let waiters = Waiters::default();
        let mut waiter = waiters.wait_for(booking(1));
        // The booking is read here, and changes right afterwards.
        waiters.wake([booking(1)]);
        assert!(waiter.woken().now_or_never().is_some());
    }

    #[test]
    fn bookings_without_waiters_take_no_memory() {
        let waiters = Waiters::default();
        let places: Vec<_> = (1..=3).flat_map(|id| [1, 2].map(|_| waiters.wait_for(booking(id)))).collect();
        waiters.wake((1..=1_000).map(booking));
        assert_eq!(waiters.lock().len(), 3);
        drop(places);
        assert!(waiters.lock().is_empty());
    }
}
