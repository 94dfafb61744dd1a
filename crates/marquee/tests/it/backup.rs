//! The files of a fleet, after a clean stop and in a backup.

use std::fs;
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use storage::{Db, Settings, query_as};

use crate::clients::Load;
use crate::fleet::{Fleet, Started, marquee, run, send};

#[tokio::test(flavor = "multi_thread")]
async fn stopped_fleet_leaves_complete_database_files() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let load = Load::start(&fleet.rest);
    load.books_more(60).await;
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
    // At least `Booked` and `Paid` of each booking.
    assert!(records >= 2 * answers.booked.len() as i64, "{records} records");
}

/// Asks the launcher to stop, and waits for its end.
pub async fn stop(fleet: &mut Fleet) {
    let pids = fleet.pids();
    let launcher = fleet.last_started();
    send(launcher.pid(), Signal::INT);
    assert_eq!(launcher.exit_code().await, 0, "{}", launcher.output());
    assert!(!pids.is_empty());
}

/// The sorted names of the files in `directory`.
pub fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_a_stopped_fleet_copies_its_files() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    book(&fleet).await;
    stop(&mut fleet).await;
    let to = target(&fleet);
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("1 booking in"), "{output}");
    let expected = [
        "book.db",
        "events.db",
        "fleet-id",
        "manifest.json",
        "mypage.db",
        "payment.db",
        "point.db",
        "ticket.db",
    ];
    assert_eq!(names(&to), expected);
    assert!(!names(&fleet.data_dir).iter().any(|name| name.ends_with("-wal")));
    // A second backup to the same directory is refused.
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 1);
    assert!(output.contains("is not empty"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_times_out_names_the_service_and_releases_requests() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    fleet.kill(Process::Ticket).await;
    book(&fleet).await;
    let to = target(&fleet);
    let (code, output) = run(backup_command(&fleet, &to, &["--wait-seconds", "1"])).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("cannot back up: ") && output.contains("ticket has "), "{output}");
    assert!(output.contains(" to read"), "{output}");
    assert!(!to.exists());
    assert_eq!(names(to.parent().unwrap()), ["data"]);
    book(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_is_killed_leaves_no_directory_and_releases_requests() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let to = target(&fleet);
    for point in ["backup.held", "backup.locked", "backup.copied", "backup.sealed"] {
        let mut command = backup_command(&fleet, &to, &[]);
        command.env("MARQUEE_CRASH_AT", point);
        let mut killed = Started::spawn(command);
        assert_eq!(killed.exit_code().await, -1, "{}", killed.output());
        assert!(!to.exists(), "{point}");
        book(&fleet).await;
    }
    // Leftovers of the killed backups do not disturb the next one.
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 0, "{output}");
    assert_eq!(names(to.parent().unwrap()), ["backup", "data"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_servers_is_refused_and_names_the_manual() {
    let directory = tempfile::tempdir().unwrap();
    for flags in [["--database-url-prefix", "postgres://db/"], ["--events-url", "kafka://broker:9092/movie"]]
    {
        for (command, place) in [("backup", "--to"), ("restore", "--from")] {
            let mut command = marquee([command, place, "there"]);
            command.args(flags).arg("--data-dir").arg(directory.path());
            let (code, output) = run(command).await;
            assert_eq!(code, 1);
            assert!(output.contains("docs/OPERATIONS.md"), "{output}");
        }
    }
}

/// Makes a booking, asserts that it is answered with 201, and returns its id.
pub async fn book(fleet: &Fleet) -> i64 {
    let order = json!({ "movieName": "soul", "totalPrice": 10000, "customerId": 7 });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

/// The directory for a backup, next to the data directory.
pub fn target(fleet: &Fleet) -> PathBuf {
    fleet.data_dir.parent().unwrap().join("backup")
}

pub fn backup_command(fleet: &Fleet, to: &Path, flags: &[&str]) -> std::process::Command {
    let mut command = marquee(["backup", "--to"]);
    command.arg(to).args(fleet.flags()).args(flags);
    command
}

pub async fn backup(fleet: &Fleet, to: &Path) -> (i32, String) {
    run(backup_command(fleet, to, &[])).await
}
