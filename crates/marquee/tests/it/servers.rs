//! The servers behind the fleet die and come back. These tests need real ones, which `TEST_DATABASE=postgres` and
//! `TEST_EVENTS=kafka` choose; on a laptop without them there is nothing to kill, and they say so and end.

use std::collections::HashSet;
use std::path::Path;

use tokio::process::Command;

use crate::clients::{Load, settled};
use crate::crashes::every_payment_has_its_booking;
use crate::fleet::Fleet;
use crate::wait::until;

/// How many bookings are made before, between and after.
const STRETCH: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_under_load_and_started_again() {
    if std::env::var_os("TEST_DATABASE").is_none() {
        println!("not on a database server: nothing to kill");
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
    backends(["start", "postgres"]).await;
    // The same processes as before: nobody has to restart anything.
    load.goes_on(3 * STRETCH).await;
    let answers = load.stop().await;
    let statuses: HashSet<u16> = answers.by_status.keys().copied().collect();
    assert!(statuses.is_subset(&HashSet::from([201, 202, 503])), "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_killed_under_load_and_started_again() {
    if std::env::var_os("TEST_EVENTS").is_none() {
        println!("not on a broker: nothing to kill");
        return;
    }
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(STRETCH).await;
    backends(["kill", "kafka"]).await;
    load.goes_on(3 * STRETCH).await;
    backends(["start", "kafka"]).await;
    load.goes_on(STRETCH).await;
    let answers = load.stop().await;
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
}

async fn backends<const N: usize>(args: [&str; N]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/backends");
    let output = Command::new(script).args(args).output().await.unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
