//! Generated exchanges through a whole gateway: every client gets its own answer, and the service sees what was sent.
//!
//! `DESYNC_SEED` and `DESYNC_EXCHANGES` choose them.

mod smuggling;
mod subject;

use std::str::FromStr;

use desync::{Exchange, Kind, explain, generate, run};

use subject::Gated;

const EXCHANGES: usize = 5_000;

/// A number from the environment.
fn setting<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_its_own_answer_and_the_service_sees_what_was_sent() {
    let seed = setting("DESYNC_SEED", 1);
    let exchanges = generate(seed, setting("DESYNC_EXCHANGES", EXCHANGES), Kind::Gateway);
    let report = run(exchanges.clone(), true, Gated::start).await;
    if !report.violations.is_empty() {
        let trial = async |exchanges| run(exchanges, true, Gated::start).await;
        panic!("{}", explain(seed, exchanges, report, trial).await);
    }
    eprintln!("{} exchanges on {} connections: {:?}", report.exchanges, report.connections, report.tally);
    // Otherwise the suite would say nothing about reuse.
    assert!(report.connections < report.exchanges, "connections are reused");
    assert!(report.tally.answered > report.exchanges / 3, "most exchanges are answered");
}

/// Sequences that have failed, or that nearly every faulty gateway fails.
const REGRESSIONS: &[(&str, &[&str])] = &[
    (
        "a description asked for with a body",
        &["GET document body=900", "GET service", "HEAD document body=90", "POST service body=9"],
    ),
    (
        "own answers to requests with a body",
        &["GET status body=90", "GET service", "GET docs body=90", "GET probe body=90", "GET service"],
    ),
    (
        "requests in a row",
        &[
            "GET service leave=pipelines",
            "POST service body=700 leave=pipelines",
            "HEAD service",
            "GET service",
        ],
    ),
    (
        "half a request",
        &[
            "POST service body=16000 leave=sending",
            "GET service",
            "PUT service body=9 writes=4",
            "GET service",
        ],
    ),
    (
        "early answers",
        &["POST service body=16000 when=middle", "GET service", "PUT service body=9 when=head"],
    ),
    (
        "a body above the limit",
        &["POST service body=70000", "GET service", "POST service body=17000 leave=sending", "GET service"],
    ),
    (
        "a client that leaves",
        &["GET service answer=200000 leave=reading", "POST service body=5 leave=waiting"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequences_that_have_failed_pass() {
    for (name, lines) in REGRESSIONS {
        let sequence: Vec<Exchange> = lines.iter().map(|line| line.parse().unwrap()).collect();
        // Each client has every 32nd exchange: so each has the whole sequence.
        let exchanges: Vec<_> =
            sequence.iter().flat_map(|exchange| vec![exchange.clone(); desync::LANES]).collect();
        let report = run(exchanges, false, Gated::start).await;
        assert!(report.violations.is_empty(), "{name}: {:#?}", report.violations);
    }
}
