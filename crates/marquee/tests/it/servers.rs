//! The servers behind the fleet die and come back. These tests need real ones, which `TEST_DATABASE=postgres` and
//! `TEST_EVENTS=kafka` choose; on a laptop without them there is nothing to kill, and they say so and end.

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

/// How many bookings are made before, between and after.
const STRETCH: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_under_load_and_started_again() {
    if is_left_out(&["TEST_DATABASE"]) {
        return;
    }
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(STRETCH).await;
    backends(["kill", "postgres"]).await;
    let refused = load.turned_away();
    until("customers to be turned away", async || {
        if load.turned_away() > refused + 20 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    let book = fleet.service(Process::Book);
    until("readiness to say what is away", async || {
        let answer = book.get("/readyz").await.map_err(|error| error.to_string())?;
        let told = (answer.status, &answer.body["components"]["db"]["status"]);
        if told == (503, &"DOWN".into()) { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    backends(["start", "postgres"]).await;
    // The same processes as before: nobody has to restart anything.
    load.goes_on(3 * STRETCH).await;
    let answers = load.stop().await;
    let statuses: HashSet<u16> = answers.by_status.keys().copied().collect();
    // 504: it was killed between a commit and its answer.
    assert!(statuses.is_subset(&HashSet::from([201, 202, 503, 504])), "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_killed_under_load_and_started_again() {
    if is_left_out(&["TEST_EVENTS"]) {
        return;
    }
    let fleet = Fleet::up().await;
    let service = fleet.service(Process::Book);
    let load = Load::start(&fleet.rest);
    load.goes_on(STRETCH).await;
    backends(["kill", "kafka"]).await;
    let killed = Instant::now();
    let canceled = book(&fleet).await;
    assert_eq!(cancel(&fleet, canceled).await.status, 202);
    load.goes_on(3 * STRETCH).await;
    event_log_becomes(&fleet, "DOWN").await;
    until("the outbox to be seen waiting", async || {
        let unsent = metric(&service, "outbox_unsent_events").await.map_err(|error| error.to_string())?;
        let lag = metric(&service, "outbox_lag_seconds").await.map_err(|error| error.to_string())?;
        if unsent > 0.0 && lag > 1.0 { Ok(()) } else { Err(format!("{unsent} events, {lag} s")) }
    })
    .await;
    tokio::time::sleep_until((killed + outage()).into()).await;
    backends(["start", "kafka"]).await;
    load.goes_on(STRETCH).await;
    let answers = load.stop().await;
    println!("{:?} with the broker away for {:?}", answers.by_status, killed.elapsed());
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    let started = Instant::now();
    settled(&fleet, &answers.booked).await;
    println!("all of it everywhere {:?} after the last booking", started.elapsed());
    event_log_becomes(&fleet, "UP").await;
    let log = std::fs::read_to_string(fleet.data_dir.join("logs/book.log")).unwrap();
    for told in ["the event log is not usable: no broker answers", "the event log is usable again"] {
        assert_eq!(log.matches(told).count(), 1, "{told}: {log}");
    }
    everything_is_canceled(&fleet, canceled).await;
    assert!(metric(&service, "outbox_lag_seconds").await.unwrap() < 1.0);
    assert_in_order(&fleet, &answers.booked).await;
    assert_canceled_in_order(&fleet, canceled).await;
    assert_no_dead_letters(&fleet).await;
}

/// How long the broker is away: longer than a consumer group waits for its members, and `TEST_OUTAGE_SECONDS` by hand.
fn outage() -> Duration {
    Duration::from_secs(std::env::var("TEST_OUTAGE_SECONDS").map_or(8, |seconds| seconds.parse().unwrap()))
}

/// As book's readiness shows it, which stays as it is: bookings go on.
async fn event_log_becomes(fleet: &Fleet, status: &str) {
    let book = fleet.service(Process::Book);
    until(&format!("the event log to be {status}"), async || {
        let answer = book.get("/readyz").await.map_err(|error| error.to_string())?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let told = &answer.body["components"]["eventLog"];
        if told["status"] == status { Ok(()) } else { Err(told.to_string()) }
    })
    .await;
}

async fn backends<const N: usize>(args: [&str; N]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/backends");
    let output = Command::new(script).args(args).output().await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
