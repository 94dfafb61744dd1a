//! Waiting for a change of one booking.

use std::time::Duration;

use events::BookingId;
use messaging::Waiter;
use storage::Error;
use tokio::time::{Instant, sleep, sleep_until};

use crate::AppState;
use crate::domain::Booking;
use crate::store::bookings;

/// Returns the booking `id` once `is_over`, or in its state after `wait`. No connection is held while it
/// waits. Returns `None` if there is no such booking.
///
/// Changes by this process wake the waiter. Another replica may also change the booking, so it is read every
/// [`AppState::poll_every`], too.
pub async fn wait_until(
    state: &AppState,
    id: BookingId,
    wait: Duration,
    is_over: impl Fn(&Booking) -> bool,
) -> Result<Option<Booking>, Error> {
    let waiter = state.waiters.wait_for(id);
    let read = || read(state, id);
    let is_over = |booking: &Option<Booking>| booking.as_ref().is_none_or(&is_over);
    poll_until(waiter, state.poll_every, wait, read, is_over).await
}

async fn read(state: &AppState, id: BookingId) -> Result<Option<Booking>, Error> {
    bookings::find(&mut state.db.read().await?, id).await
}

/// Reads until `is_over`, or until `wait` has passed: at once, after each wake, and every `poll_every`.
async fn poll_until<T, R: Future<Output = Result<T, Error>>>(
    mut waiter: Waiter,
    poll_every: Duration,
    wait: Duration,
    read: impl Fn() -> R,
    is_over: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    let deadline = Instant::now() + wait;
    loop {
        let found = read().await?;
        if is_over(&found) || Instant::now() >= deadline {
            return Ok(found);
        }
        tokio::select! {
            () = waiter.woken() => {}
            () = sleep(poll_every) => {}
            () = sleep_until(deadline) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;
    use std::rc::Rc;

    use futures_util::FutureExt;
    use messaging::Waiters;
    use tokio::task::{LocalSet, yield_now};

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn booking(id: i64) -> BookingId {
        BookingId::new(id).unwrap()
    }

    /// Lets all tasks run until they wait.
    async fn all_run() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn change_of_another_booking_causes_no_read() {
        let (waiters, reads) = (Waiters::default(), Rc::new(Cell::new(0)));
        let is_over = Rc::new(Cell::new(false));
        let tasks = LocalSet::new();
        let running: Vec<_> = (0..200)
            .map(|_| {
                let (waiter, reads, is_over) = (waiters.wait_for(booking(1)), reads.clone(), is_over.clone());
                let read = move || {
                    reads.set(reads.get() + 1);
                    ready(Ok(is_over.get()))
                };
                tasks.spawn_local(poll_until(waiter, LONG, LONG, read, |over| *over))
            })
            .collect();
        let story = async {
            all_run().await;
            assert_eq!(reads.get(), 200);
            for _ in 0..50 {
                waiters.wake([booking(2)]);
                all_run().await;
            }
            assert_eq!(reads.get(), 200);
            is_over.set(true);
            waiters.wake([booking(2), booking(1)]);
            for waiter in running {
                assert!(waiter.await.unwrap().unwrap());
            }
            assert_eq!(reads.get(), 400);
        };
        tasks.run_until(story).await;
    }

    #[tokio::test]
    async fn change_by_another_replica_is_found_by_the_next_poll() {
        let (polls, every) = (Cell::new(0), Duration::from_millis(20));
        let read = || {
            polls.set(polls.get() + 1);
            ready(Ok(polls.get()))
        };
        let waiter = Waiters::default().wait_for(booking(1));
        let began = Instant::now();
        assert_eq!(poll_until(waiter, every, LONG, read, |poll| *poll == 4).await.unwrap(), 4);
        assert!(began.elapsed() >= 3 * every, "it polls no more often than that");
    }

    #[tokio::test]
    async fn wait_is_bounded() {
        let waiter = Waiters::default().wait_for(booking(1));
        let began = Instant::now();
        poll_until(waiter, LONG, Duration::from_millis(20), || ready(Ok(())), |()| false).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn change_between_the_read_and_the_wait_is_not_missed() {
        let (waiters, reads) = (Waiters::default(), Cell::new(0));
        let read = || {
            reads.set(reads.get() + 1);
            // The booking changes just after it is read.
            waiters.wake([booking(1)]);
            ready(Ok(reads.get()))
        };
        let waiter = waiters.wait_for(booking(1));
        let waiting = poll_until(waiter, LONG, LONG, read, |read| *read == 2);
        assert_eq!(waiting.now_or_never().expect("the waiter is awake").unwrap(), 2);
    }
}
