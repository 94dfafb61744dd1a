//! How much a process does at a time, and whom it turns away.
//!
//! So many requests run; so many more wait, each for so long. Who came last is served first, and who waited longest is
//! turned away first: in an overload the oldest requests are those whose clients have given up, and a queue that serves
//! them in order serves nobody in time. Turned away is 503 with `Retry-After`, before anything was done.
//!
//! A request runs until its answer begins, so that an event stream does not take a place for as long as it lasts.
//! Probes and scrapers are always let in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use metrics::{Counter, Gauge};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::body::{Bodies, Memory};
use crate::config::Limits;
use crate::health::is_probe;
use crate::problem::Problem;
use crate::telemetry;

/// When a client may come again that was turned away.
const RETRY_AFTER_SECONDS: u64 = 1;

/// What all requests of one process pass.
#[derive(Debug)]
pub struct Door {
    bodies: Bodies,
    places: Arc<Places>,
}

/// What a request that was let in takes up, until its answer begins.
#[derive(Debug)]
pub struct Held {
    _memory: Memory,
    _place: Place,
}

/// Why a request was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    #[error("others waited for less long, and the queue is full")]
    QueueFull,
    #[error("it waited too long")]
    QueueTimeout,
    #[error("the bodies of too many requests are in memory")]
    NoMemory,
}

impl Door {
    pub fn new(limits: &Limits) -> Self {
        Self { bodies: Bodies::new(limits.body_read_timeout()), places: Arc::new(Places::new(limits)) }
    }

    /// Reads `request` whole and waits for its turn.
    ///
    /// # Errors
    ///
    /// What is wrong with the body, or that too much is asked for.
    pub async fn let_in(&self, request: Request) -> Result<(http::Request<Bytes>, Held), Problem> {
        let (head, body) = request.into_parts();
        let (body, memory) = self.bodies.read(&head.headers, body).await?;
        let place = self.places.take().await.map_err(overloaded)?;
        Ok((http::Request::from_parts(head, body), Held { _memory: memory, _place: place }))
    }
}

/// The middleware, for a request that came through a [`Door`].
pub async fn layer(mut request: Request, next: Next) -> Response {
    let door = request.extensions_mut().remove::<Arc<Door>>();
    let Some(door) = door.filter(|_| !is_probe(request.uri().path())) else { return next.run(request).await };
    match door.let_in(request).await {
        Ok((request, _held)) => next.run(request.map(Body::from)).await,
        Err(problem) => problem.into_response(),
    }
}

/// 503: too much to do, and this request is not begun.
pub fn overloaded(shed: Shed) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "More is asked for than can be done in time. Nothing was done; the same request may be sent again.",
    )
    .retry_after(RETRY_AFTER_SECONDS)
    .caused_by(shed)
}

/// The places of those that run, and the queue for them.
#[derive(Debug)]
struct Places {
    running_max: usize,
    waiting_max: usize,
    patience: Duration,
    state: Mutex<State>,
    meters: Meters,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// Oldest first. Some may have gone away meanwhile.
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// A running request's place, until it is dropped.
#[derive(Debug)]
struct Place(Option<Arc<Places>>);

#[derive(Debug)]
struct Meters {
    running: Gauge,
    waiting: Gauge,
    queue_full: Counter,
    queue_timeout: Counter,
}

impl Places {
    fn new(limits: &Limits) -> Self {
        Self {
            running_max: limits.max_concurrent_requests,
            waiting_max: limits.max_queued_requests,
            patience: limits.queue_timeout(),
            state: Mutex::default(),
            meters: Meters::new(),
        }
    }

    /// Waits for a place.
    async fn take(self: &Arc<Self>) -> Result<Place, Shed> {
        let turn = match self.enter() {
            Entered::Running(place) => return Ok(place),
            Entered::Waiting(turn) => turn,
        };
        let _waiting = Waiting::count(&self.meters.waiting);
        match timeout(self.patience, turn).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) => Err(self.shed(Shed::QueueFull)),
            Err(_) => Err(self.shed(Shed::QueueTimeout)),
        }
    }

    fn enter(self: &Arc<Self>) -> Entered {
        let mut state = self.state();
        if state.running < self.running_max {
            state.running += 1;
            self.meters.running.increment(1.0);
            return Entered::Running(Place(Some(self.clone())));
        }
        let (sender, turn) = oneshot::channel();
        state.waiting.push_back(sender);
        while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            state.waiting.pop_front();
        }
        if state.waiting.len() > self.waiting_max {
            // Dropped, it tells the one who waited longest.
            state.waiting.pop_front();
        }
        Entered::Waiting(turn)
    }

    /// Gives a place that is free now to the one who came last of those who still wait.
    fn leave(self: Arc<Self>) {
        let mut state = self.state();
        let mut place = Place(Some(self.clone()));
        while let Some(newest) = state.waiting.pop_back() {
            match newest.send(place) {
                Ok(()) => return,
                Err(unwanted) => place = unwanted,
            }
        }
        // Not to be given back once more.
        place.0 = None;
        state.running -= 1;
        self.meters.running.decrement(1.0);
    }

    fn shed(&self, shed: Shed) -> Shed {
        match shed {
            Shed::QueueTimeout => self.meters.queue_timeout.increment(1),
            Shed::QueueFull | Shed::NoMemory => self.meters.queue_full.increment(1),
        }
        shed
    }

    /// Nothing can panic while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    Running(Place),
    Waiting(oneshot::Receiver<Place>),
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.leave();
        }
    }
}

impl Meters {
    fn new() -> Self {
        telemetry::record();
        let shed = |reason: &'static str| metrics::counter!("http_requests_shed_total", "reason" => reason);
        Self {
            running: metrics::gauge!("http_requests_running"),
            waiting: metrics::gauge!("http_requests_waiting"),
            queue_full: shed("queue_full"),
            queue_timeout: shed("queue_timeout"),
        }
    }
}

/// Counts one who waits, also when its client hangs up.
struct Waiting<'a>(&'a Gauge);

impl<'a> Waiting<'a> {
    fn count(gauge: &'a Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    fn places(running_max: usize, waiting_max: usize) -> Arc<Places> {
        Arc::new(Places {
            running_max,
            waiting_max,
            patience: Duration::from_secs(1),
            state: Mutex::default(),
            meters: Meters::new(),
        })
    }

    /// One who has been in the queue since now.
    fn waiting(places: &Arc<Places>) -> BoxFuture<'static, Result<Place, Shed>> {
        let places = places.clone();
        let mut taking = async move { places.take().await }.boxed();
        assert!((&mut taking).now_or_never().is_none());
        taking
    }

    fn running(places: &Places) -> usize {
        places.state().running
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_run_and_the_next_one_waits_for_a_place() {
        let places = places(2, 1);
        let one = places.take().await.unwrap();
        let _two = places.take().await.unwrap();
        let three = waiting(&places);
        drop(one);
        let _three = three.await.unwrap();
        assert_eq!(running(&places), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_last_is_served_first() {
        let places = places(1, 2);
        let runs = places.take().await.unwrap();
        let (first, last) = (waiting(&places), waiting(&places));
        drop(runs);
        let last = last.await.unwrap();
        drop(last);
        first.await.unwrap();
        assert_eq!(running(&places), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_longest_is_turned_away_when_the_queue_is_full() {
        let places = places(1, 2);
        let _runs = places.take().await.unwrap();
        let oldest = waiting(&places);
        let (_second, _third) = (waiting(&places), waiting(&places));
        assert_eq!(oldest.now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_queue_who_comes_too_much_is_turned_away_at_once() {
        let places = places(1, 0);
        let _runs = places.take().await.unwrap();
        assert_eq!(places.take().now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_timeout() {
        let places = places(1, 1);
        let _runs = places.take().await.unwrap();
        assert_eq!(waiting(&places).await.unwrap_err(), Shed::QueueTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn who_hung_up_neither_gets_a_place_nor_takes_one_from_the_queue() {
        let places = places(1, 1);
        let runs = places.take().await.unwrap();
        drop(waiting(&places));
        let waits = waiting(&places);
        drop(waiting(&places));
        // The one that hung up last came too much for the queue: the one before it was turned away for it.
        assert_eq!(waits.now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
        drop(runs);
        assert_eq!(running(&places), 0);
        places.take().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_given_to_one_who_hangs_up_at_that_moment_is_given_on() {
        let places = places(1, 2);
        let runs = places.take().await.unwrap();
        let (waits, hangs_up) = (waiting(&places), waiting(&places));
        drop(runs);
        drop(hangs_up);
        waits.await.unwrap();
        assert_eq!(running(&places), 0);
    }
}
