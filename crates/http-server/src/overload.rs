//! Limits how many requests a process runs at a time, and rejects what is beyond the limit.
//!
//! A fixed number of requests run, and a fixed number wait, each for a limited time. The queue is last in,
//! first out; when it overflows, the oldest request is rejected. In an overload, the clients of the oldest
//! requests no longer wait, and a first-in, first-out queue would serve every request too late. A rejected
//! request gets 503 with `Retry-After`, before any work is done for it.
//!
//! A request runs until its response begins, so that an event stream does not occupy a place for as long as
//! it lasts. Work that outlives its client, or its deadline, keeps the place until it ends. Probes and
//! scrapers are always admitted.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_api::body_limit::{BodyLimit, BodyLimits};
use http_api::peers::Exempt;
use http_api::problem::Problem;
use metrics::{Counter, Gauge};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::body::{Bodies, Memory};
use crate::config::Limits;
use crate::hold::{Gate, Passage};
use crate::probes::is_probe;
use crate::shed::{Shed, overloaded};

/// Maximum share of the [memory for bodies](crate::body) for the requests to one upstream. The six shares of
/// the gateway together leave some of that memory free.
const UPSTREAM_BODIES_BYTES: usize = 8 * 1024 * 1024;

/// Admits the requests of one process.
#[derive(Debug)]
pub struct Door {
    bodies: Bodies,
    places: Bulkhead,
    /// The running requests. The process waits for them before it stops.
    running: TaskTracker,
}

/// The places for the requests to one upstream, or to the whole process, and their queue.
#[derive(Clone, Debug)]
pub struct Bulkhead {
    places: Arc<Places>,
    /// Bytes of all bodies of the requests to an upstream.
    bodies: Option<Arc<AtomicUsize>>,
}

/// The part that one body takes of the share of its bulkhead, until this is dropped.
#[derive(Debug)]
struct Portion {
    bodies: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Portion {
    fn drop(&mut self) {
        self.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What an admitted request occupies: until its response begins, and until all work ends that
/// [outlives the request](crate::outliving::run_to_end).
#[derive(Debug)]
pub struct Held {
    _memory: Memory,
    _portion: Option<Portion>,
    _place: Place,
    _running: TaskTrackerToken,
    passage: Option<Passage>,
}

tokio::task_local! {
    static HELD: Arc<Held>;
}

impl Door {
    pub fn new(limits: &Limits, exempt: Exempt, running: TaskTracker) -> Self {
        let bodies = Bodies::new(limits.body_read_timeout(), exempt);
        Self { bodies, places: Bulkhead::new(limits), running }
    }

    /// Reads the whole body of a `request` of `peer`, at most `limit` bytes, and then waits for a place.
    ///
    /// # Errors
    ///
    /// The problem with the body, or 503 when the process is overloaded.
    pub async fn admit(
        &self,
        request: Request,
        peer: IpAddr,
        limit: usize,
    ) -> Result<(http::Request<Bytes>, Held), Problem> {
        self.admit_through(&self.places, request, peer, limit).await
    }

    /// Like [`admit`](Self::admit), with a place of `bulkhead`.
    ///
    /// # Errors
    ///
    /// Those of [`admit`](Self::admit).
    pub async fn admit_through(
        &self,
        bulkhead: &Bulkhead,
        request: Request,
        peer: IpAddr,
        limit: usize,
    ) -> Result<(http::Request<Bytes>, Held), Problem> {
        let (head, body) = request.into_parts();
        let (body, memory) = self.bodies.read(&head.headers, body, peer, limit).await?;
        let portion = bulkhead.portion(body.len()).map_err(overloaded)?;
        let place = bulkhead.places.take().await.map_err(overloaded)?;
        let running = self.running.token();
        let held =
            Held { _memory: memory, _portion: portion, _place: place, _running: running, passage: None };
        Ok((http::Request::from_parts(head, body), held))
    }
}

impl Bulkhead {
    /// Creates the places for a whole process.
    pub fn new(limits: &Limits) -> Self {
        Self { places: Arc::new(Places::new(limits, Meters::new(None))), bodies: None }
    }

    /// Creates the places for the requests to `upstream`.
    pub fn of_upstream(limits: &Limits, upstream: &'static str) -> Self {
        let places = Arc::new(Places::new(limits, Meters::new(Some(upstream))));
        Self { places, bodies: Some(Arc::default()) }
    }

    /// Takes `bytes` of the share for the bodies of one upstream's requests. While the upstream hangs, its
    /// requests keep their bodies; without a share, they would leave no memory for the other upstreams.
    fn portion(&self, bytes: usize) -> Result<Option<Portion>, Shed> {
        let Some(bodies) = self.bodies.as_ref().filter(|_| bytes > 0) else { return Ok(None) };
        let portion = Portion { bodies: bodies.clone(), bytes };
        let held = bodies.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > UPSTREAM_BODIES_BYTES { Err(self.places.shed(Shed::NoMemory)) } else { Ok(Some(portion)) }
    }
}

/// Runs `work` as a part of the request that occupies `held`.
pub async fn holding<T>(held: Option<Arc<Held>>, work: impl Future<Output = T>) -> T {
    match held {
        Some(held) => HELD.scope(held, work).await,
        None => work.await,
    }
}

/// Returns what the request being served occupies, if it came through a [`Door`].
pub fn held() -> Option<Arc<Held>> {
    HELD.try_with(Arc::clone).ok()
}

/// The middleware: admits each request through the [`Door`] in its extensions.
pub async fn layer(Shared(limits): Shared<BodyLimits>, mut request: Request, next: Next) -> Response {
    let limit = limits(request.method(), request.uri().path());
    request.extensions_mut().insert(BodyLimit(limit));
    let door = request.extensions_mut().remove::<Arc<Door>>();
    let Some(door) = door.filter(|_| !is_probe(request.uri().path())) else { return next.run(request).await };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    match admit(&door, request, peer, limit).await {
        Ok((request, held)) => holding(Some(Arc::new(held)), next.run(request.map(Body::from))).await,
        Err(problem) => problem.into_response(),
    }
}

/// Admits `request` through `door`, and through the gate of the process if it has one.
async fn admit(
    door: &Door,
    mut request: Request,
    peer: IpAddr,
    limit: usize,
) -> Result<(http::Request<Bytes>, Held), Problem> {
    let Some(gate) = request.extensions_mut().remove::<Gate>() else {
        return door.admit(request, peer, limit).await;
    };
    // A held request waits here, where it occupies no place. It passes the gate again once its body, which
    // may be slow, is read.
    drop(gate.pass(request.method()).await?);
    let (request, mut held) = door.admit(request, peer, limit).await?;
    held.passage = gate.pass(request.method()).await?;
    Ok((request, held))
}

/// The running requests, and the queue of the waiting ones.
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
    /// Oldest first. The clients of some may have hung up.
    waiting: VecDeque<oneshot::Sender<Place>>,
}

/// The place of a running request, until this is dropped.
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
    fn new(limits: &Limits, meters: Meters) -> Self {
        Self {
            running_max: limits.max_concurrent_requests,
            waiting_max: limits.max_queued_requests,
            patience: limits.queue_timeout(),
            state: Mutex::default(),
            meters,
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
            self.meters.running.set(state.running as f64);
            return Entered::Running(Place(Some(self.clone())));
        }
        let (sender, turn) = oneshot::channel();
        state.waiting.push_back(sender);
        while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            state.waiting.pop_front();
        }
        if state.waiting.len() > self.waiting_max {
            // The oldest request is rejected when its sender is dropped.
            state.waiting.pop_front();
        }
        Entered::Waiting(turn)
    }

    /// Passes the place on to the newest request that still waits.
    fn leave(self: Arc<Self>) {
        let mut state = self.state();
        let mut place = Place(Some(self.clone()));
        while let Some(newest) = state.waiting.pop_back() {
            match newest.send(place) {
                Ok(()) => return,
                Err(unwanted) => place = unwanted,
            }
        }
        // When it is dropped, the place must not leave a second time.
        place.0 = None;
        state.running -= 1;
        self.meters.running.set(state.running as f64);
    }

    fn shed(&self, shed: Shed) -> Shed {
        match shed {
            Shed::QueueTimeout => self.meters.queue_timeout.increment(1),
            Shed::QueueFull | Shed::NoMemory => self.meters.queue_full.increment(1),
        }
        shed
    }

    /// No code that can panic runs while this is locked.
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
    /// The gateway has one set for each `upstream`.
    fn new(upstream: Option<&'static str>) -> Self {
        telemetry::record();
        let labels: Vec<_> = upstream.into_iter().map(|name| metrics::Label::new("upstream", name)).collect();
        let shed = |reason: &'static str| {
            let reason = [metrics::Label::new("reason", reason)];
            metrics::counter!("http_requests_shed_total", [&reason, &labels[..]].concat())
        };
        Self {
            running: metrics::gauge!("http_requests_running", labels.clone()),
            waiting: metrics::gauge!("http_requests_waiting", labels.clone()),
            queue_full: shed("queue_full"),
            queue_timeout: shed("queue_timeout"),
        }
    }
}

/// Counts a waiting request, until this is dropped.
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
mod tests;
