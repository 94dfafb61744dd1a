//! Performs a run, and searches for the shortest failing sequence.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::exchange::Exchange;
use crate::judge::{Outcome, Tally, judge};
use crate::plan::{Plan, Planned};
use crate::upstream::Upstream;

/// Number of concurrent clients. The exchanges are dealt to them in turn.
pub const LANES: usize = 32;
/// Ends a client that hangs. No test measures with it.
const LANE_TIMEOUT: Duration = Duration::from_secs(600);
/// Limits of the search for the shortest failing sequence.
const TRIALS_MAX: usize = 150;
const SEARCH_TIMEOUT: Duration = Duration::from_secs(120);
/// How often a sequence is tried before it counts as passing, because failures may depend on timing.
const TRIES: usize = 3;

/// The code under test, through which the exchanges are sent.
pub trait Subject: Send + Sync + 'static {
    /// Performs the exchanges of one client in order, and returns their outcomes.
    fn lane(&self, work: Vec<Planned>) -> impl Future<Output = Vec<(usize, Outcome)>> + Send;

    /// Closes all connections to the upstream.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    pub violations: Vec<String>,
    pub exchanges: usize,
    pub connections: usize,
    pub tally: Tally,
}

/// Sends `exchanges` through the subject that `start` creates for an upstream's address.
pub async fn run<S: Subject>(
    exchanges: Vec<Exchange>,
    greets: bool,
    start: impl AsyncFnOnce(SocketAddr) -> S,
) -> Report {
    let count = exchanges.len();
    let plan = Plan::new(exchanges);
    let upstream = Upstream::start(plan.clone(), greets);
    let subject = Arc::new(start(upstream.address).await);
    let mut lanes = JoinSet::new();
    for lane in 0..LANES.min(count) {
        let work: Vec<_> = (lane..count).step_by(LANES).map(|index| plan.planned(index)).collect();
        let subject = subject.clone();
        lanes.spawn(async move { timeout(LANE_TIMEOUT, subject.lane(work)).await });
    }
    let mut outcomes = Vec::new();
    while let Some(lane) = lanes.join_next().await {
        match lane {
            Ok(Ok(lane)) => outcomes.extend(lane),
            Ok(Err(_)) => upstream.ledger.violation("a client hangs".to_owned()),
            Err(panic) => upstream.ledger.violation(format!("a client failed: {panic}")),
        }
    }
    drop(lanes);
    let subject = Arc::into_inner(subject).expect("every lane has ended");
    subject.stop().await;
    let ledger = upstream.finish().await;
    let tally = judge(&ledger, outcomes);
    let connections = ledger.connections.load(SeqCst);
    Report { violations: ledger.take_violations(), exchanges: count, connections, tally }
}

/// Describes a failure, with the shortest failing sequence that a bounded search finds.
pub async fn explain(
    seed: u64,
    exchanges: Vec<Exchange>,
    report: Report,
    trial: impl AsyncFn(Vec<Exchange>) -> Report,
) -> String {
    let mut text = format!("DESYNC_SEED={seed} DESYNC_EXCHANGES={}\n", exchanges.len());
    for violation in &report.violations {
        let _ = writeln!(text, "- {violation}");
    }
    // Printed before the search, which may be interrupted.
    eprint!("{text}");
    let mut violations = Vec::new();
    let began = Instant::now();
    let mut trials = 0;
    let mut shortest = exchanges;
    let mut parts = 2;
    while shortest.len() > 1 && parts <= shortest.len() * 2 {
        let size = shortest.len().div_ceil(parts);
        let mut shorter = None;
        for at in (0..shortest.len()).step_by(size) {
            if trials >= TRIALS_MAX || began.elapsed() > SEARCH_TIMEOUT {
                break;
            }
            trials += 1;
            let rest = [&shortest[..at], &shortest[(at + size).min(shortest.len())..]].concat();
            if let Some(found) = fails(&rest, &trial).await {
                shorter = Some((rest, found));
                break;
            }
        }
        match shorter {
            Some((rest, found)) => {
                shortest = rest;
                violations = found;
                parts = parts.max(3) - 1;
            }
            None if size == 1 || trials >= TRIALS_MAX || began.elapsed() > SEARCH_TIMEOUT => break,
            None => parts *= 2,
        }
    }
    for violation in &violations {
        let _ = writeln!(text, "- {violation}");
    }
    let _ =
        writeln!(text, "The shortest failing sequence found in {trials} trials; add it to `regressions`:");
    for exchange in shortest.iter().take(200) {
        let _ = writeln!(text, "    \"{exchange}\",");
    }
    text
}

async fn fails(exchanges: &[Exchange], trial: &impl AsyncFn(Vec<Exchange>) -> Report) -> Option<Vec<String>> {
    if exchanges.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let report = trial(exchanges.to_vec()).await;
        if !report.violations.is_empty() {
            return Some(report.violations);
        }
    }
    None
}
