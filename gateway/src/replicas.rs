//! The replicas of a service: picks the one that gets a request, and ejects those that fail.
//!
//! A request goes to the less busy of two replicas drawn at random, which is nearly as good as comparing all
//! of them and never sends all requests to the same one. A replica is ejected if it is unreachable, keeps
//! failing, or reports that it is not ready; it is readmitted as soon as it reports ready. If all replicas
//! are ejected, requests are sent anyway: a wrong guess must not turn a delay into an outage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use futures_util::future::join_all;
use http::{Request, Uri};
use http_pool::{AnswerBody, ExchangeError, Outgoing, Pool};
use telemetry::chain;
use telemetry::outage::Outage;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::{UpstreamUrl, UpstreamUrls};
use crate::{headers, loops};

/// Number of consecutive requests without a valid response after which a replica is ejected.
const UNANSWERED_MAX: u32 = 3;
/// Interval of the readiness probes, and the timeout of each.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// One process of a service.
pub struct Replica {
    pub url: UpstreamUrl,
    upstream: &'static str,
    /// One pool per event loop, by the loop's number.
    pools: Vec<Arc<Pool>>,
    /// Maximum wait for the head of a response.
    answer_timeout: Duration,
    /// Number of requests that wait for a response.
    running: AtomicUsize,
    /// Number of consecutive requests without a valid response.
    unanswered: AtomicU32,
    is_ejected: AtomicBool,
    /// Logged while the replica is ejected.
    outage: Outage,
}

/// All replicas of a service: at least one.
pub struct Replicas(Vec<Replica>);

/// The replicas to which a request was already sent, as bits.
#[derive(Clone, Copy, Default)]
pub struct Tried(u64);

const _: () = assert!(crate::config::REPLICAS_MAX <= u64::BITS as usize);

impl Replicas {
    pub fn new(upstream: &'static str, urls: &UpstreamUrls, answer_timeout: Duration) -> Self {
        Self(urls.iter().map(|url| Replica::new(upstream, url, answer_timeout)).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.0.iter()
    }

    /// Picks the next replica for a request, and adds it to `tried`. Returns `None` if all were tried.
    pub fn pick(&self, tried: &mut Tried) -> Option<&Replica> {
        let untried = (0..self.0.len()).filter(|at| tried.0 & (1 << at) == 0);
        let admitted = untried.clone().filter(|at| !self.0[*at].is_ejected());
        let picked = self.less_busy(admitted).or_else(|| self.less_busy(untried))?;
        tried.0 |= 1 << picked;
        Some(&self.0[picked])
    }

    /// Whether a replica is not in `tried`.
    pub fn has_untried(&self, tried: Tried) -> bool {
        (tried.0.count_ones() as usize) < self.0.len()
    }

    /// Returns the less busy of two random `candidates`.
    fn less_busy(&self, mut candidates: impl Iterator<Item = usize> + Clone) -> Option<usize> {
        let count = candidates.clone().count();
        if count < 2 {
            return candidates.next();
        }
        let one = fastrand::usize(..count);
        let other = (one + fastrand::usize(1..count)) % count;
        let pair = [one, other].into_iter().filter_map(|nth| candidates.clone().nth(nth));
        pair.min_by_key(|at| self.0[*at].running.load(Ordering::Relaxed))
    }

    /// Probes which replicas are ready, periodically until `stop`.
    ///
    /// A single replica is probed only while it is ejected, because it gets all requests whatever it reports.
    pub async fn probe(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_alone = self.0.len() == 1;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let probed = self.iter().filter(|replica| !is_alone || replica.is_ejected());
            join_all(probed.map(Replica::probe)).await;
            self.iter().flat_map(|replica| &replica.pools).for_each(|pool| pool.prune());
        }
    }
}

impl Replica {
    fn new(upstream: &'static str, url: &UpstreamUrl, answer_timeout: Duration) -> Self {
        let replica = Self {
            url: url.clone(),
            upstream,
            pools: (0..=loops::count()).map(|_| Arc::new(Pool::new(url.address(), url.host()))).collect(),
            answer_timeout,
            running: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
            is_ejected: AtomicBool::new(false),
            outage: Outage::of(format!("{upstream} at {url}")),
        };
        replica.report();
        replica
    }

    pub fn is_ejected(&self) -> bool {
        self.is_ejected.load(Ordering::Relaxed)
    }

    /// Sends `request` to the replica, and counts its failures.
    ///
    /// # Errors
    ///
    /// See [`ExchangeError`].
    pub async fn send(&self, request: Outgoing) -> Result<Response, ExchangeError> {
        let running = Running::of(self);
        let answer = self.pool().send(request, Instant::now() + self.answer_timeout).await;
        drop(running);
        match answer {
            Ok(answer) => {
                let mut response = response(answer);
                headers::strip_hop_by_hop(response.headers_mut());
                self.unanswered.store(0, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => {
                self.count_failure(&error);
                Err(error)
            }
        }
    }

    /// Sends a request of the gateway's own.
    ///
    /// # Errors
    ///
    /// The reason why no response came.
    pub async fn get(&self, path: &'static str) -> Result<Response, String> {
        let mut request = Request::new(http_body_util::Full::default());
        *request.uri_mut() = Uri::from_static(path);
        let answer = self.pool().send(request, Instant::now() + PROBE_TIMEOUT).await;
        answer.map(response).map_err(|error| match error {
            ExchangeError::TimedOut => format!("no response in {} s", PROBE_TIMEOUT.as_secs()),
            error => chain(&error),
        })
    }

    /// Returns the pool of the current event loop.
    fn pool(&self) -> &Arc<Pool> {
        &self.pools[loops::current()]
    }

    fn count_failure(&self, error: &ExchangeError) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if matches!(error, ExchangeError::Unreachable(_)) || unanswered >= UNANSWERED_MAX {
            self.eject(&chain(error));
        }
    }

    /// Ejects or readmits the replica by its readiness.
    async fn probe(&self) {
        match self.get("/readyz").await {
            Ok(response) if response.status().is_success() => self.readmit(),
            Ok(_) => self.eject("it is not ready"),
            Err(reason) => self.eject(&reason),
        }
    }

    fn eject(&self, reason: &str) {
        if !self.is_ejected.swap(true, Ordering::Relaxed) {
            let Self { upstream, url, .. } = self;
            self.outage.failed(format!("the replica gets no requests: {reason}"));
            metrics::counter!("gateway_upstream_ejections_total", "upstream" => *upstream, "url" => url.to_string())
                .increment(1);
            self.report();
        }
    }

    fn readmit(&self) {
        if self.is_ejected.swap(false, Ordering::Relaxed) {
            self.unanswered.store(0, Ordering::Relaxed);
            self.outage.succeeded();
            self.report();
        }
    }

    /// Sets the metric.
    fn report(&self) {
        let is_ejected = f64::from(u8::from(self.is_ejected()));
        metrics::gauge!("gateway_upstream_ejected", "upstream" => self.upstream, "url" => self.url.to_string())
            .set(is_ejected);
    }
}

/// Converts a response of the pool into one of axum.
fn response(answer: http::Response<AnswerBody>) -> Response {
    answer.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) })
}

/// Counts a request until it has a response or is dropped.
struct Running<'a>(&'a Replica);

impl<'a> Running<'a> {
    fn of(replica: &'a Replica) -> Self {
        replica.running.fetch_add(1, Ordering::Relaxed);
        Self(replica)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicas(count: usize) -> Replicas {
        let urls: Vec<_> = (1..=count).map(|port| format!("http://127.0.0.1:{port}")).collect();
        Replicas::new("book", &urls.join(",").parse().unwrap(), Duration::from_secs(1))
    }

    #[test]
    fn request_goes_to_each_replica_once_and_to_ejected_ones_last() {
        let replicas = replicas(3);
        replicas.0[1].eject("of a test");
        for _ in 0..100 {
            let mut tried = Tried::default();
            let picked: Vec<_> = std::iter::from_fn(|| replicas.pick(&mut tried))
                .map(|replica| replica.url.to_string())
                .collect();
            assert_eq!(picked.len(), 3);
            assert_eq!(picked[2], "http://127.0.0.1:2");
        }
    }

    #[test]
    fn less_busy_of_two_replicas_gets_the_request() {
        let replicas = replicas(2);
        let _running = Running::of(&replicas.0[0]);
        for _ in 0..100 {
            let picked = replicas.pick(&mut Tried::default()).unwrap();
            assert_eq!(picked.url.to_string(), "http://127.0.0.1:2");
        }
    }

    #[test]
    fn equally_busy_replicas_get_equal_shares() {
        let replicas = replicas(4);
        let mut picks = std::collections::HashMap::new();
        for _ in 0..1000 {
            *picks.entry(replicas.pick(&mut Tried::default()).unwrap().url.to_string()).or_insert(0) += 1;
        }
        assert!(picks.len() == 4 && picks.values().all(|share| *share > 100), "{picks:?}");
    }
}
