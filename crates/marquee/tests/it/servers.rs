//! The servers that the fleet uses are killed and restarted. These tests need real servers, which
//! `TEST_DATABASE=postgres` and `TEST_EVENTS=kafka` select; without them, the tests print that they are left
//! out.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use marquee::fleet::Process;
use marquee::metrics_text::metric;
use test_kit::scratch::is_left_out;
use tokio::process::Command;

use crate::cancel::{book, cancel, everything_is_canceled};
use crate::clients::{Load, settled};
use crate::crashes::every_payment_has_its_booking;
use crate::fleet::Fleet;
use crate::topic::{assert_canceled_in_order, assert_in_order, assert_no_dead_letters};
use crate::wait::until;

/// Number of bookings before, between and after.
const STRETCH: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn fleet_survives_a_crash_of_postgres_under_load() {
    if is_left_out(&["TEST_DATABASE"]) {
        return;
    }
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.books_more(STRETCH).await;
    backends(["kill", "postgres"]).await;
    let refused = load.refused();
    until("bookings to be refused", async || {
        if load.refused() > refused + 20 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    let book = fleet.service(Process::Book);
    until("readiness to report the database", async || {
        let answer = book.get("/readyz").await.map_err(|error| error.to_string())?;
        let reported = (answer.status, &answer.body["components"]["db"]["status"]);
        if reported == (503, &"DOWN".into()) { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    backends(["start", "postgres"]).await;
    // The same processes continue: no restart is needed.
    load.books_more(3 * STRETCH).await;
    let answers = load.stop().await;
    let statuses: HashSet<u16> = answers.by_status.keys().copied().collect();
    // 504: it was killed between a commit and its answer.
    assert!(statuses.is_subset(&HashSet::from([201, 202, 503, 504])), "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_survives_a_crash_of_kafka_under_load() {
    if is_left_out(&["TEST_EVENTS"]) {
        return;
    }
    let fleet = Fleet::up().await;
    let service = fleet.service(Process::Book);
    let load = Load::start(&fleet.rest);
    load.books_more(STRETCH).await;
    backends(["kill", "kafka"]).await;
    let killed = Instant::now();
    let canceled = book(&fleet).await;
    assert_eq!(cancel(&fleet, canceled).await.status, 202);
    load.books_more(3 * STRETCH).await;
    event_log_becomes(&fleet, "DOWN").await;
    until("the metrics to show the waiting outbox", async || {
        let unsent = metric(&service, "outbox_unsent_events").await.map_err(|error| error.to_string())?;
        let lag = metric(&service, "outbox_lag_seconds").await.map_err(|error| error.to_string())?;
        if unsent > 0.0 && lag > 1.0 { Ok(()) } else { Err(format!("{unsent} events, {lag} s")) }
    })
    .await;
    tokio::time::sleep_until((killed + outage()).into()).await;
    backends(["start", "kafka"]).await;
    load.books_more(STRETCH).await;
    let answers = load.stop().await;
    println!("{:?} with the broker down for {:?}", answers.by_status, killed.elapsed());
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    let started = Instant::now();
    settled(&fleet, &answers.booked).await;
    println!("all services settled {:?} after the last booking", started.elapsed());
    event_log_becomes(&fleet, "UP").await;
    let log = std::fs::read_to_string(fleet.data_dir.join("logs/book.log")).unwrap();
    // One line a minute.
    let minutes = 1 + killed.elapsed().as_secs() as usize / 60;
    for (message, most) in
        [("a dependency fails; this process retries", minutes), ("a dependency works again", 1)]
    {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(message)).collect();
        assert!((1..=most).contains(&lines.len()), "{message}: {lines:?}");
        assert!(lines.iter().all(|line| line.contains(r#""dependency":"event log""#)), "{lines:?}");
    }
    assert!(log.contains("no broker answers"), "{log}");
    everything_is_canceled(&fleet, canceled).await;
    assert!(metric(&service, "outbox_lag_seconds").await.unwrap() < 1.0);
    assert_in_order(&fleet, &answers.booked).await;
    assert_canceled_in_order(&fleet, canceled).await;
    assert_no_dead_letters(&fleet).await;
}

/// How long the broker is down: longer than a consumer group waits for its members; `TEST_OUTAGE_SECONDS`
/// sets it.
fn outage() -> Duration {
    Duration::from_secs(std::env::var("TEST_OUTAGE_SECONDS").map_or(8, |seconds| seconds.parse().unwrap()))
}

/// Waits until book reports this status of the event log. Book stays ready, because it can still take
/// bookings.
async fn event_log_becomes(fleet: &Fleet, status: &str) {
    let book = fleet.service(Process::Book);
    until(&format!("the event log to be {status}"), async || {
        let answer = book.get("/readyz").await.map_err(|error| error.to_string())?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let event_log = &answer.body["components"]["eventLog"];
        if event_log["status"] == status { Ok(()) } else { Err(event_log.to_string()) }
    })
    .await;
}

async fn backends<const N: usize>(args: [&str; N]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/backends");
    let output = Command::new(script).args(args).output().await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
