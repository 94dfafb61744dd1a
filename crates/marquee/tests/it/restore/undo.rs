//! Leaves a restore of the wrong backup: by another backup, or by undoing it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};
use storage::{Db, Settings, query};

use super::{
    backed_up, crash, crash_restore, later, ledger, restore, restore_command, status, undo, undo_command,
};
use crate::audit::{audit, passes};
use crate::backup::{backup, book, names, stop};
use crate::cancel::collect;
use crate::fleet::{Fleet, marquee, run};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn other_backup_is_restored_after_the_wrong_one_reached_its_limit() {
    let (mut fleet, wrong, kept) = backed_up().await;
    let mut known = later(&fleet, 3).await;
    let right_one = second_backup(&fleet).await;
    let lost = book(&fleet).await;
    passes(&fleet).await;
    stop(&mut fleet).await;

    let (code, output) = restore(&fleet, &wrong, &["--max-refunds", "1"]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("unfinished    3 more charges"), "{output}");
    assert!(output.contains("marquee restore --undo"), "{output}");
    // Until the other backup is staged, the first restore can continue.
    crash_restore(&fleet, &right_one, "restore.staged").await;
    let (code, output) = restore(&fleet, &wrong, &["--max-refunds", "0"]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("unfinished    3 more charges"), "{output}");
    let (code, output) = restore(&fleet, &right_one, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("restored      4 bookings"), "{output}");
    fleet.up_again().await;
    known.push(kept);
    let mut canceled = 0;
    for id in known {
        let (code, status) = status(&fleet, id).await;
        assert_eq!(code, 200);
        canceled += usize::from(status == "Canceled");
        assert_eq!(ledger(&fleet, id).await, if status == "Canceled" { 0 } else { 10_000 });
    }
    assert!(canceled <= 1);
    assert_eq!((status(&fleet, lost).await.0, ledger(&fleet, lost).await), (404, 0));
    assert!(book(&fleet).await > lost);
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_keeps_all_bookings_except_refunded_ones() {
    let (mut fleet, wrong, kept) = backed_up().await;
    let mut all = later(&fleet, 3).await;
    let also_wrong = second_backup(&fleet).await;
    all.extend(later(&fleet, 2).await);
    all.push(kept);
    stop(&mut fleet).await;

    let (code, output) = restore(&fleet, &wrong, &["--max-refunds", "1"]).await;
    assert_eq!(code, 1, "{output}");
    // The files from before both restores are put back, not those in between.
    let (code, output) = restore(&fleet, &also_wrong, &["--max-refunds", "0"]).await;
    assert_eq!(code, 1, "{output}");
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("put back      6 bookings"), "{output}");
    assert!(output.contains("canceled      booking "), "{output}");
    assert!(output.contains("undone-restore-"), "{output}");
    let left = names(&fleet.data_dir);
    // The files of both restored states are kept.
    let of = |start: &str| left.iter().filter(|name| name.starts_with(start)).count();
    assert_eq!((of("before-restore-"), of("undone-restore-"), of("restor")), (1, 1, 0), "{left:?}");

    fleet.up_again().await;
    let mut canceled = 0;
    for id in &all {
        let (code, status) = status(&fleet, *id).await;
        assert_eq!(code, 200);
        let is_canceled = status == "Canceled";
        assert!(is_canceled || status == "PaidComplete", "{status}");
        canceled += usize::from(is_canceled);
        assert_eq!(ledger(&fleet, *id).await, if is_canceled { 0 } else { 10_000 });
    }
    assert_eq!(canceled, 1);
    assert!(book(&fleet).await > *all.iter().max().unwrap());
    passes(&fleet).await;
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 1, "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refunded_booking_that_was_collected_is_reported_and_stays() {
    let (mut fleet, wrong, _) = backed_up().await;
    let lost = later(&fleet, 2).await;
    for id in &lost {
        until("the ticket", async || match collect(&fleet, *id).await {
            answer if answer.status == 200 => Ok(()),
            answer => Err(format!("{answer:?}")),
        })
        .await;
    }
    passes(&fleet).await;
    stop(&mut fleet).await;
    assert_eq!(restore(&fleet, &wrong, &["--max-refunds", "1"]).await.0, 1);
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("not canceled  booking "), "{output}");
    // The fleet can start; staff must settle the rest.
    fleet.up_again().await;
    let (code, report) = audit(&fleet, &[]).await;
    assert_eq!((code, &report["violations"]), (1, &json!({ "refund-unfounded": 1 })), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_that_is_killed_at_any_point_is_completed_by_the_next_one() {
    let (mut fleet, to, kept) = backed_up().await;
    let lost = later(&fleet, 2).await;
    stop(&mut fleet).await;

    // The undo first moves the remaining files of the restore into place.
    crash_restore(&fleet, &to, "restore.placed:2").await;
    let (code, output) = restore(&fleet, &fleet.data_dir.with_file_name("other"), &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("is unfinished"), "{output}");
    crash(|| undo_command(&fleet, &[]), "restore.undo-prepared").await;
    leave_a_write_ahead_log(&before(&fleet)).await;
    for point in [
        "restore.undo-prepared",
        "restore.undo-marked",
        "restore.aside:1",
        "restore.placed:1",
        "restore.aside:3",
        "restore.placed:1",
    ] {
        crash(|| undo_command(&fleet, &[]), point).await;
        if point == "restore.undo-prepared" {
            continue;
        }
        let up = marquee(["up"].iter().map(ToString::to_string).chain(fleet.flags()));
        for command in [up, restore_command(&fleet, &to, &[])] {
            let (code, output) = run(command).await;
            assert_eq!(code, 1, "{output}");
            assert!(output.contains("marquee restore --undo"), "{output}");
        }
    }
    for point in ["restore.in-place", "restore.returned", "restore.reconciled"] {
        crash(|| undo_command(&fleet, &[]), point).await;
    }
    let (code, output) =
        until("the services of the killed restore to end", async || match undo(&fleet, &[]).await {
            (_, output) if output.contains("is in use") => Err(output),
            outcome => Ok(outcome),
        })
        .await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("put back      3 bookings"), "{output}");

    fleet.up_again().await;
    for id in lost.iter().copied().chain([kept]) {
        assert_eq!(status(&fleet, id).await, (200, "PaidComplete".to_owned()));
        assert_eq!(ledger(&fleet, id).await, 10_000);
    }
    assert!(book(&fleet).await > 5_000, "the write-ahead log was lost");
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_that_cannot_be_undone_continues_with_another_backup() {
    let (mut fleet, to, kept) = backed_up().await;
    later(&fleet, 1).await;
    stop(&mut fleet).await;
    fs::write(fleet.data_dir.join("ticket.db"), "no database at all").unwrap();
    fs::remove_file(fleet.data_dir.join("point.db")).unwrap();
    crash_restore(&fleet, &to, "restore.in-place").await;
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("/point.db does not exist"), "{output}");
    fs::write(before(&fleet).join("point.db"), "no database either").unwrap();
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("cannot be undone") && output.contains("ticket.db"), "{output}");
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    fleet.up_again().await;
    assert_eq!(status(&fleet, kept).await.0, 200);
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_whose_services_do_not_start_is_undone() {
    let (mut fleet, to, kept) = backed_up().await;
    let lost = book(&fleet).await;
    passes(&fleet).await;
    stop(&mut fleet).await;
    // Simulates a file of a later version; the manifest matches it.
    let file = to.join("ticket.db");
    let old = sha256(&file);
    let db = Db::open(&format!("sqlite://{}", file.display()).parse().unwrap(), Settings::default()).await;
    let db = db.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 103")).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let manifest = fs::read_to_string(to.join("manifest.json")).unwrap();
    assert!(manifest.contains(&old));
    fs::write(to.join("manifest.json"), manifest.replace(&old, &sha256(&file))).unwrap();

    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("undo the restore with --undo"), "{output}");
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 0, "{output}");
    fleet.up_again().await;
    for id in [kept, lost] {
        assert_eq!(status(&fleet, id).await, (200, "PaidComplete".to_owned()));
        assert_eq!(ledger(&fleet, id).await, 10_000);
    }
    passes(&fleet).await;
}

fn sha256(file: &Path) -> String {
    let sum = Sha256::digest(fs::read(file).unwrap());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn second_backup(fleet: &Fleet) -> PathBuf {
    let to = fleet.data_dir.with_file_name("second");
    let (code, output) = backup(fleet, &to).await;
    assert_eq!(code, 0, "{output}");
    to
}

/// The directory with the files from before the restore.
fn before(fleet: &Fleet) -> PathBuf {
    let names = names(&fleet.data_dir);
    fleet.data_dir.join(names.iter().find(|name| name.starts_with("before-restore-")).unwrap())
}

/// Leaves the database of book in `directory` as a killed process does, with the last commit in its
/// write-ahead log.
async fn leave_a_write_ahead_log(directory: &Path) {
    let url = format!("sqlite://{}/book.db", directory.display());
    let db = Db::open(&url.parse().unwrap(), Settings::default()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'bookings'")).await.unwrap();
    tx.commit().await.unwrap();
    let copies = ["book.db", "book.db-wal"].map(|name| (name, fs::read(directory.join(name)).unwrap()));
    assert!(!copies[1].1.is_empty());
    db.close().await;
    for (name, copy) in copies {
        fs::write(directory.join(name), copy).unwrap();
    }
}
