//! The open connections: how many there are, whose they are, and which one makes room for another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use metrics::{Counter, Gauge};
use tokio::sync::Notify;

use crate::pace::{Doing, Pace};
use http_api::peers::Exempt;

/// When all connections are taken, one is closed only after it has been unused, or in the head of a request,
/// for this long.
const SPARE_AFTER: Duration = Duration::from_secs(1);
/// The same for a connection whose client is slow to send a body or to read a response.
const SLOW_AFTER: Duration = Duration::from_secs(5);

/// The open connections of one listener.
pub(crate) struct Registry {
    max: usize,
    /// For one peer; 0: no limit.
    max_per_peer: usize,
    exempt: Exempt,
    state: Mutex<State>,
    /// Notified when a connection ends.
    left: Notify,
    open: Gauge,
    evicted: Counter,
    refused: Counter,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Entry>,
    by_peer: HashMap<IpAddr, usize>,
}

struct Entry {
    peer: Option<IpAddr>,
    pace: Arc<Pace>,
    ending: Arc<Ending>,
}

/// The place of a connection, until this is dropped.
pub(crate) struct Place {
    registry: Arc<Registry>,
    id: u64,
    pub(crate) pace: Arc<Pace>,
    ending: Arc<Ending>,
}

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process stops.
    Stop,
    /// The connection makes room for another one.
    Evicted,
}

const STOP: u8 = 1;
const EVICTED: u8 = 2;

/// Notifies the task of a connection that it must end.
///
/// The task polls this each time it is woken. A poll loads one value that is rarely written, and takes no
/// lock.
#[derive(Debug, Default)]
struct Ending {
    /// What the task has not seen yet, as bits.
    reasons: AtomicU8,
    waker: AtomicWaker,
}

impl Ending {
    fn set(&self, reason: u8) {
        self.reasons.fetch_or(reason, Ordering::Relaxed);
        self.waker.wake();
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<End> {
        self.waker.register(cx.waker());
        let reasons = self.reasons.load(Ordering::Relaxed);
        if reasons == 0 {
            return Poll::Pending;
        }
        self.reasons.fetch_and(!reasons, Ordering::Relaxed);
        Poll::Ready(if reasons & EVICTED == 0 { End::Stop } else { End::Evicted })
    }
}

/// Whether a connection may be opened.
pub(crate) enum Admission {
    Admitted(Place),
    /// All places are taken, and no connection can be closed at the moment.
    Full,
    /// Its peer has the most connections that one peer may have, and none of them is unused or slow.
    PeerFull,
}

impl Registry {
    pub(crate) fn new(max: usize, max_per_peer: usize, exempt: Exempt) -> Self {
        Self {
            max,
            max_per_peer,
            exempt,
            state: Mutex::default(),
            left: Notify::new(),
            open: metrics::gauge!("http_connections_open"),
            evicted: metrics::counter!("http_connections_evicted_total"),
            refused: metrics::counter!("http_connections_refused_total"),
        }
    }

    /// Admits a connection of `peer` that has already `waited` for a place. If no place is left, the least
    /// useful connection is closed. Clients that send a small request often enough would keep all others out,
    /// so after a second any connection without a running request is closed.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr, waited: Duration) -> Admission {
        let charged = self.exempt.charged(peer).filter(|_| self.max_per_peer > 0);
        let mut state = self.state();
        if let Some(peer) = charged
            && state.by_peer.get(&peer).is_some_and(|count| *count >= self.max_per_peer)
        {
            let Some(victim) = state.least_useful(Some(peer), Duration::ZERO, Duration::ZERO) else {
                self.refused.increment(1);
                return Admission::PeerFull;
            };
            self.evict(&mut state, victim);
        } else if state.open.len() >= self.max {
            let victim = if waited < SPARE_AFTER {
                state.least_useful(None, SPARE_AFTER, SLOW_AFTER)
            } else {
                state.longest_idle()
            };
            let Some(victim) = victim else {
                return Admission::Full;
            };
            self.evict(&mut state, victim);
        }
        let id = state.next;
        state.next += 1;
        let (pace, ending) = (Arc::new(Pace::new()), Arc::new(Ending::default()));
        state.open.insert(id, Entry { peer: charged, pace: pace.clone(), ending: ending.clone() });
        if let Some(peer) = charged {
            *state.by_peer.entry(peer).or_default() += 1;
        }
        self.open.increment(1.0);
        Admission::Admitted(Place { registry: self.clone(), id, pace, ending })
    }

    /// Waits until a connection ends.
    pub(crate) async fn left(&self) {
        self.left.notified().await;
    }

    /// Notifies every connection that the process stops.
    pub(crate) fn stop(&self) {
        self.state().open.values().for_each(|entry| entry.ending.set(STOP));
    }

    /// Frees the place at once; the connection itself ends as soon as its task runs.
    fn evict(&self, state: &mut State, victim: u64) {
        if let Some(entry) = state.remove(victim) {
            entry.ending.set(EVICTED);
            self.evicted.increment(1);
        }
    }

    /// No code that can panic runs while this is locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, id: u64) -> Option<Entry> {
        let entry = self.open.remove(&id)?;
        if let Some(peer) = entry.peer
            && let Some(count) = self.by_peer.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                self.by_peer.remove(&peer);
            }
        }
        Some(entry)
    }

    /// Returns the connection, of `peer` or of all, that makes room first: one that lingers, then the one
    /// that has been unused for the longest time, then the longest in a head, then the longest in a body or a
    /// response. A connection whose request is running never does.
    fn least_useful(&self, peer: Option<IpAddr>, spare_after: Duration, slow_after: Duration) -> Option<u64> {
        let rank = |entry: &Entry| {
            let (doing, time) = entry.pace.standing();
            let (rank, after) = match doing {
                Doing::Linger => (3, Duration::ZERO),
                Doing::Unused => (2, spare_after),
                Doing::Head => (1, spare_after),
                Doing::Body | Doing::Stuck => (0, slow_after),
                Doing::Work | Doing::Answer => return None,
            };
            (time >= after).then_some((rank, time))
        };
        let of_peer = self.open.iter().filter(|(_, entry)| peer.is_none() || entry.peer == peer);
        let candidates = of_peer.filter_map(|(id, entry)| Some((rank(entry)?, *id)));
        // If two are equal, the older one is closed.
        candidates.max_by_key(|(rank, id)| (*rank, u64::MAX - id)).map(|(_, id)| id)
    }

    /// Returns the connection that has waited for its client for the longest time, however short that is.
    fn longest_idle(&self) -> Option<u64> {
        let standing = self.open.iter().map(|(id, entry)| (entry.pace.standing(), *id));
        let idle = standing.filter(|((doing, _), _)| !matches!(doing, Doing::Work | Doing::Answer));
        idle.max_by_key(|((_, time), id)| (*time, u64::MAX - id)).map(|(_, id)| id)
    }
}

impl Place {
    /// Is ready once for each reason why the connection must end.
    pub(crate) fn poll_end(&self, cx: &Context<'_>) -> Poll<End> {
        self.ending.poll(cx)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.state().remove(self.id);
        self.registry.open.decrement(1.0);
        self.registry.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_util::FutureExt;
    use tokio::time::advance;

    use super::*;

    fn registry(max: usize, max_per_peer: usize) -> Arc<Registry> {
        Arc::new(Registry::new(max, max_per_peer, Exempt::default()))
    }

    fn peer(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn admitted(registry: &Arc<Registry>, from: IpAddr) -> Place {
        match registry.admit(from, Duration::ZERO) {
            Admission::Admitted(place) => place,
            Admission::Full => panic!("full"),
            Admission::PeerFull => panic!("the peer has too many connections"),
        }
    }

    fn is_evicted(place: &Place) -> bool {
        poll_fn(|cx| place.poll_end(cx)).now_or_never() == Some(End::Evicted)
    }

    #[tokio::test(start_paused = true)]
    async fn unused_connection_makes_room_before_a_slow_head_and_that_before_a_slow_body() {
        let registry = registry(3, 0);
        let (body, head, unused) =
            (admitted(&registry, peer(1)), admitted(&registry, peer(1)), admitted(&registry, peer(1)));
        body.pace.begin();
        body.pace.wait_for_body();
        head.pace.receive();
        advance(SLOW_AFTER).await;
        let busy: Vec<Place> = (0..3)
            .map(|_| {
                let place = admitted(&registry, peer(2));
                place.pace.begin();
                place
            })
            .collect();
        assert!(is_evicted(&unused) && is_evicted(&head) && is_evicted(&body));
        advance(Duration::from_secs(3_600)).await;
        assert!(
            matches!(registry.admit(peer(3), Duration::ZERO), Admission::Full),
            "running requests are not closed"
        );
        assert!(busy.iter().all(|place| !is_evicted(place)));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_heads_keep_a_new_client_out_for_a_second() {
        let registry = registry(64, 0);
        let slow: Vec<Place> = (0..64).map(|_| admitted(&registry, peer(1))).collect();
        slow.iter().for_each(|place| place.pace.receive());
        assert!(matches!(registry.admit(peer(2), Duration::ZERO), Admission::Full));
        advance(SPARE_AFTER).await;
        let _new = admitted(&registry, peer(2));
        assert!(is_evicted(&slow[0]));
        assert!(slow[1..].iter().all(|place| !is_evicted(place)));
    }

    #[tokio::test(start_paused = true)]
    async fn frequent_requests_keep_a_new_client_out_for_a_second() {
        let registry = registry(64, 0);
        let busy: Vec<Place> = (0..64).map(|_| admitted(&registry, peer(1))).collect();
        for place in &busy[1..] {
            place.pace.begin();
            place.pace.wait_for_body();
        }
        advance(SPARE_AFTER / 2).await;
        assert!(matches!(registry.admit(peer(2), Duration::ZERO), Admission::Full));
        let Admission::Admitted(_new) = registry.admit(peer(2), SPARE_AFTER) else { panic!("not admitted") };
        assert!(is_evicted(&busy[0]));
        let Admission::Admitted(_another) = registry.admit(peer(3), SPARE_AFTER) else {
            panic!("not admitted")
        };
        assert!(is_evicted(&busy[1]));
    }

    #[tokio::test(start_paused = true)]
    async fn peer_above_its_limit_loses_its_own_oldest_connection() {
        let registry = registry(100, 2);
        let other = admitted(&registry, peer(2));
        advance(Duration::from_secs(9)).await;
        let (first, second) = (admitted(&registry, peer(1)), admitted(&registry, peer(1)));
        let third = admitted(&registry, peer(1));
        assert!(is_evicted(&first) && !is_evicted(&second) && !is_evicted(&other));
        second.pace.begin();
        third.pace.begin();
        assert!(matches!(registry.admit(peer(1), Duration::ZERO), Admission::PeerFull));
        drop(third);
        admitted(&registry, peer(1));
    }

    #[tokio::test(start_paused = true)]
    async fn loopback_has_no_limit_of_its_own() {
        let registry = registry(100, 2);
        let places: Vec<Place> = (0..100).map(|_| admitted(&registry, [127, 0, 0, 1].into())).collect();
        assert!(places.iter().all(|place| !is_evicted(place)));
    }

    #[tokio::test]
    async fn every_open_connection_is_notified_once_that_the_process_stops() {
        let registry = registry(2, 0);
        let places = [admitted(&registry, peer(1)), admitted(&registry, peer(2))];
        registry.stop();
        for place in &places {
            assert_eq!(poll_fn(|cx| place.poll_end(cx)).now_or_never(), Some(End::Stop));
            assert_eq!(poll_fn(|cx| place.poll_end(cx)).now_or_never(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn place_of_an_evicted_connection_is_released_once() {
        let registry = registry(1, 1);
        let first = admitted(&registry, peer(1));
        let second = admitted(&registry, peer(1));
        second.pace.begin();
        drop(first);
        assert!(matches!(registry.admit(peer(1), Duration::ZERO), Admission::PeerFull));
        drop(second);
        admitted(&registry, peer(1));
    }
}
