//! Sequences that have failed once, or that most faulty pools fail. Each run replays them.

use desync::{Exchange, run};

use super::subject::Pooled;

/// A fault, and the shortest sequence that showed it.
const TABLE: &[(&str, &[&str])] = &[
    (
        "a request with the length of another body",
        &["GET service", "POST service body=300", "GET service", "HEAD service"],
    ),
    (
        "a request after an early answer",
        &[
            "POST service body=262144 when=head",
            "GET service",
            "PUT service body=262144 when=middle",
            "POST service body=5",
        ],
    ),
    (
        "an answer with two framings",
        &["GET service form=both", "GET service", "POST service body=9 form=both", "GET service"],
    ),
    ("an unsolicited answer", &["GET service after=extra", "GET service", "HEAD service"]),
    ("a connection that closes silently", &["GET service after=close", "POST service body=9", "GET service"]),
    (
        "a connection that closes one direction silently",
        &["GET service after=half-close", "POST service body=9"],
    ),
    ("a body that is not read", &["GET service answer=100000 leave=reading", "GET service"]),
    ("a truncated body", &["GET service form=cut answer=5000", "GET service"]),
    ("interim answers", &["POST service body=9 interim=3", "GET service interim=2 form=204", "GET service"]),
    ("answers without a body", &["HEAD service answer=500", "GET service form=304", "GET service form=204"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn regressions_pass() {
    for (name, lines) in TABLE {
        let sequence: Vec<Exchange> = lines.iter().map(|line| line.parse().unwrap()).collect();
        // First one exchange after the other, then many at once.
        for times in [1, 40] {
            let exchanges: Vec<_> =
                sequence.iter().flat_map(|exchange| vec![exchange.clone(); times]).collect();
            let report = run(exchanges, false, Pooled::start).await;
            assert!(report.violations.is_empty(), "{name}: {:#?}", report.violations);
        }
    }
}
