//! Generated exchanges through a whole gateway: every client gets its own response, and the service gets what
//! was sent.
//!
//! `DESYNC_SEED` selects the exchanges, `DESYNC_EXCHANGES` sets their number.

mod smuggling;
mod subject;

use std::str::FromStr;

use desync::{Exchange, Kind, explain, generate, run};

use subject::Gated;

const EXCHANGES: usize = 5_000;

/// Reads a number from the environment.
fn setting<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => default,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_its_own_response_and_the_service_gets_what_was_sent() {
    let seed = setting("DESYNC_SEED", 1);
    let exchanges = generate(seed, setting("DESYNC_EXCHANGES", EXCHANGES), Kind::Gateway);
    let report = run(exchanges.clone(), true, Gated::start).await;
    if !report.violations.is_empty() {
        let trial = async |exchanges| run(exchanges, true, Gated::start).await;
        panic!("{}", explain(seed, exchanges, report, trial).await);
    }
    eprintln!("{} exchanges on {} connections: {:?}", report.exchanges, report.connections, report.tally);
    // Otherwise the suite would not test reuse.
    assert!(report.connections < report.exchanges, "connections are reused");
    assert!(report.tally.answered > report.exchanges / 3, "most exchanges get a response");
}

/// Sequences that have failed once, or that most faulty gateways fail.
const REGRESSIONS: &[(&str, &[&str])] = &[
    (
        "a request for a description with a body",
        &["GET document body=900", "GET service", "HEAD document body=90", "POST service body=9"],
    ),
    (
        "requests with a body for the gateway's own routes",
        &["GET status body=90", "GET service", "GET docs body=90", "GET probe body=90", "GET service"],
    ),
    (
        "pipelined requests",
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
        "early responses",
        &["POST service body=16000 when=middle", "GET service", "PUT service body=9 when=head"],
    ),
    (
        "a body above the limit",
        &["POST service body=70000", "GET service", "POST service body=17000 leave=sending", "GET service"],
    ),
    (
        "a client that disconnects",
        &["GET service answer=200000 leave=reading", "POST service body=5 leave=waiting"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regressions_pass() {
    for (name, lines) in REGRESSIONS {
        let sequence: Vec<Exchange> = lines.iter().map(|line| line.parse().unwrap()).collect();
        // Exchanges are dealt to the clients in turn, so that each gets the whole sequence.
        let exchanges: Vec<_> =
            sequence.iter().flat_map(|exchange| vec![exchange.clone(); desync::LANES]).collect();
        let report = run(exchanges, false, Gated::start).await;
        assert!(report.violations.is_empty(), "{name}: {:#?}", report.violations);
    }
}
