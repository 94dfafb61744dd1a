//! The replicas of a service: which of them gets a request, and which gets none for now.
//!
//! A request goes to the less busy of two that are drawn at random, which is nearly as good as asking all of them and
//! never sends everybody to the same one. A replica that cannot be reached, that keeps failing, or that says it is
//! not ready, is left out; it is in again as soon as it says that it is ready. If all are left out, the request is
//! tried nevertheless: a wrong guess must not turn a delay into an outage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use futures_util::future::join_all;
use http::{Request, Uri};
use http_pool::{AnswerBody, ExchangeError, Outgoing, Pool};
use telemetry::chain;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::config::{UpstreamUrl, UpstreamUrls};
use crate::{headers, loops};

/// Requests in a row that got no valid answer before a replica is left out.
const UNANSWERED_MAX: u32 = 3;
/// Between two questions whether a replica is ready, and the longest wait for the answer.
const PROBE_INTERVAL: Duration = Duration::from_millis(200);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// One process of a service.
pub struct Replica {
    pub url: UpstreamUrl,
    upstream: &'static str,
    /// One for each event loop, by the loop's number.
    pools: Vec<Arc<Pool>>,
    /// Longest wait for the head of an answer.
    answer_timeout: Duration,
    /// Requests sent to it and not answered yet.
    running: AtomicUsize,
    /// Requests in a row without a valid answer.
    unanswered: AtomicU32,
    left_out: AtomicBool,
}

/// All replicas of a service: one at least.
pub struct Replicas(Vec<Replica>);

/// Those that a request went to already, as bits.
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

    /// Where a request goes next that went to `tried` in vain, and notes it there; nowhere when it went everywhere.
    pub fn pick(&self, tried: &mut Tried) -> Option<&Replica> {
        let untried = (0..self.0.len()).filter(|at| tried.0 & (1 << at) == 0);
        let used = untried.clone().filter(|at| !self.0[*at].is_left_out());
        let picked = self.less_busy(used).or_else(|| self.less_busy(untried))?;
        tried.0 |= 1 << picked;
        Some(&self.0[picked])
    }

    /// Whether there is one that `tried` does not have.
    pub fn are_there_others(&self, tried: Tried) -> bool {
        (tried.0.count_ones() as usize) < self.0.len()
    }

    /// Of two of the `candidates`.
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

    /// Asks again and again which of them are ready, until `stop`.
    ///
    /// Only one that is left out is asked where there is no other: whether it is used does not depend on the answer.
    pub async fn probe(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_alone = self.0.len() == 1;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let asked = self.iter().filter(|replica| !is_alone || replica.is_left_out());
            join_all(asked.map(Replica::ask)).await;
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
            left_out: AtomicBool::new(false),
        };
        replica.show();
        replica
    }

    pub fn is_left_out(&self) -> bool {
        self.left_out.load(Ordering::Relaxed)
    }

    /// Sends `request` there, and learns from what comes back.
    ///
    /// # Errors
    ///
    /// Why no answer came.
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
                self.gave_no_answer(&error);
                Err(error)
            }
        }
    }

    /// A request for something of the gateway's own.
    ///
    /// # Errors
    ///
    /// Why no answer came.
    pub async fn get(&self, path: &'static str) -> Result<Response, String> {
        let mut request = Request::new(http_body_util::Full::default());
        *request.uri_mut() = Uri::from_static(path);
        let answer = self.pool().send(request, Instant::now() + PROBE_TIMEOUT).await;
        answer.map(response).map_err(|error| match error {
            ExchangeError::TimedOut => format!("no answer in {} s", PROBE_TIMEOUT.as_secs()),
            error => chain(&error),
        })
    }

    /// The pool of the event loop that this runs on.
    fn pool(&self) -> &Arc<Pool> {
        &self.pools[loops::current()]
    }

    fn gave_no_answer(&self, error: &ExchangeError) {
        let unanswered = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        if matches!(error, ExchangeError::Unreachable(_)) || unanswered >= UNANSWERED_MAX {
            self.leave_out(&chain(error));
        }
    }

    /// Whether it is ready, by its own word.
    async fn ask(&self) {
        match self.get("/readyz").await {
            Ok(response) if response.status().is_success() => self.take_in(),
            Ok(_) => self.leave_out("it is not ready"),
            Err(reason) => self.leave_out(&reason),
        }
    }

    fn leave_out(&self, reason: &str) {
        if !self.left_out.swap(true, Ordering::Relaxed) {
            let Self { upstream, url, .. } = self;
            tracing::warn!("{upstream} at {url} is left out: {reason}");
            metrics::counter!("gateway_upstream_ejections_total", "upstream" => *upstream, "url" => url.to_string())
                .increment(1);
            self.show();
        }
    }

    fn take_in(&self) {
        if self.left_out.swap(false, Ordering::Relaxed) {
            self.unanswered.store(0, Ordering::Relaxed);
            tracing::info!("{} at {} is in again", self.upstream, self.url);
            self.show();
        }
    }

    fn show(&self) {
        let left_out = f64::from(u8::from(self.is_left_out()));
        metrics::gauge!("gateway_upstream_ejected", "upstream" => self.upstream, "url" => self.url.to_string())
            .set(left_out);
    }
}

/// An answer as axum takes it.
fn response(answer: http::Response<AnswerBody>) -> Response {
    answer.map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(body) })
}

/// Counts a request for as long as it has no answer, also when its client hangs up.
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
    fn a_request_goes_to_each_replica_once_and_to_those_left_out_last() {
        let replicas = replicas(3);
        replicas.0[1].leave_out("of a test");
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
    fn of_two_the_less_busy_one_gets_the_request() {
        let replicas = replicas(2);
        let _running = Running::of(&replicas.0[0]);
        for _ in 0..100 {
            let picked = replicas.pick(&mut Tried::default()).unwrap();
            assert_eq!(picked.url.to_string(), "http://127.0.0.1:2");
        }
    }

    #[test]
    fn of_many_that_are_as_busy_each_gets_its_share() {
        let replicas = replicas(4);
        let mut picks = std::collections::HashMap::new();
        for _ in 0..1000 {
            *picks.entry(replicas.pick(&mut Tried::default()).unwrap().url.to_string()).or_insert(0) += 1;
        }
        assert!(picks.len() == 4 && picks.values().all(|share| *share > 100), "{picks:?}");
    }
}
