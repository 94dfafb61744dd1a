//! Generated exchanges through the pool: every client gets its own answer, and the upstream receives what was
//! sent.
//!
//! `DESYNC_SEED` selects the exchanges, `DESYNC_EXCHANGES` sets their number.

mod planted;
mod regressions;
mod subject;

use std::str::FromStr;

use desync::{Kind, explain, generate, run};

use subject::Pooled;

const EXCHANGES: usize = 20_000;

/// Reads a number from the environment.
fn setting<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_its_own_answer_and_the_upstream_receives_what_was_sent() {
    let seed = setting("DESYNC_SEED", 1);
    let exchanges = generate(seed, setting("DESYNC_EXCHANGES", EXCHANGES), Kind::Pool);
    let report = run(exchanges.clone(), true, Pooled::start).await;
    if !report.violations.is_empty() {
        let trial = async |exchanges| run(exchanges, true, Pooled::start).await;
        panic!("{}", explain(seed, exchanges, report, trial).await);
    }
    eprintln!("{} exchanges on {} connections: {:?}", report.exchanges, report.connections, report.tally);
    // Otherwise the suite would not test reuse.
    assert!(report.connections < report.exchanges, "connections are reused");
    assert!(report.tally.answered > report.exchanges / 2, "most exchanges are answered");
}
