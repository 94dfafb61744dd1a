//! What is in the files of a fleet: after a clean stop, and in a backup of a running one.

use std::fs;

use rustix::process::Signal;
use storage::{Db, Settings, query_as};

use crate::clients::Load;
use crate::fleet::{Fleet, send};

#[tokio::test(flavor = "multi_thread")]
async fn stopped_fleet_is_its_database_files_alone() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(60).await;
    let answers = load.stop().await;
    stop(&mut fleet).await;
    let left = names(&fleet.data_dir);
    assert!(!left.iter().any(|name| name.ends_with("-wal") || name.ends_with("-shm")), "{left:?}");

    let copies = tempfile::tempdir().unwrap();
    for name in left.iter().filter(|name| name.ends_with(".db")) {
        fs::copy(fleet.data_dir.join(name), copies.path().join(name)).unwrap();
    }
    let url = format!("sqlite://{}/book.db", copies.path().display());
    let book = Db::open(&url.parse().unwrap(), Settings::default()).await.unwrap();
    for booked in &answers.booked {
        let find = query_as::<(String,)>("SELECT status FROM bookings WHERE id = $1").bind(booked.id);
        let found = book.read().await.unwrap().fetch_optional(find).await.unwrap();
        assert!(found.is_some(), "booking {} is not in the copy", booked.id);
    }
    let url = format!("sqlite://{}/events.db", copies.path().display());
    let log = Db::open(&url.parse().unwrap(), Settings::default()).await.unwrap();
    let count = query_as::<(i64,)>("SELECT CAST(COUNT(*) AS BIGINT) FROM records");
    let (records,) = log.read().await.unwrap().fetch_one(count).await.unwrap();
    // `Booked` and `Paid` of each, at least.
    assert!(records >= 2 * answers.booked.len() as i64, "{records} records");
}

/// Asks the launcher to stop, and waits until it has.
pub async fn stop(fleet: &mut Fleet) {
    let pids = fleet.pids();
    let launcher = fleet.last_started();
    send(launcher.pid(), Signal::INT);
    assert_eq!(launcher.exit_code().await, 0, "{}", launcher.output());
    assert!(!pids.is_empty());
}

/// The names of the files in `directory`, in order.
pub fn names(directory: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
