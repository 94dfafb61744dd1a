//! Restores backups: their state is complete, later changes are undone, and no id is assigned again.

mod faults;
mod ids;
mod refused;
mod undo;

use std::fs;
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use storage::query_as;

use crate::audit::passes;
use crate::backup::{backup, book, stop, target};
use crate::cancel::cancel;
use crate::clients::{Load, settled};
use crate::fleet::{Fleet, marquee, run};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn backup_under_load_is_one_state_and_later_bookings_are_refunded() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let load = Load::start(&fleet.rest);
    load.books_more(60).await;
    let to = target(&fleet);
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 0, "{output}");
    // The restore must be able to refund all of these in one run.
    load.books_more(30).await;
    let answers = load.stop().await;
    assert!(answers.by_status.keys().all(|status| [201, 503].contains(status)), "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
    let highest = answers.booked.iter().map(|booked| booked.id).max().unwrap();
    stop(&mut fleet).await;

    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("unfinished") && output.contains("--max-refunds"), "{output}");
    let refused = marquee(["up"].iter().map(ToString::to_string).chain(fleet.flags()));
    let (code, output) = run(refused).await;
    assert_eq!(code, 1);
    assert!(output.contains("is unfinished") && output.contains("marquee restore --from"), "{output}");
    let (code, output) = restore(&fleet, &to, &["--max-refunds", "1000"]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("ledger agree"), "{output}");

    fleet.up_again().await;
    passes(&fleet).await;
    let kept = fleet.rest.count("/books").await.unwrap();
    assert!((60..answers.booked.len() as u64).contains(&kept), "{kept} of {}", answers.booked.len());
    // A booking is charged if it exists, and refunded otherwise.
    for booked in &answers.booked {
        let answer = fleet.rest.get(&format!("/books/{}", booked.id)).await.unwrap();
        let balance = if answer.status == 200 { booked.total_price } else { 0 };
        assert_eq!(ledger(&fleet, booked.id).await, balance, "booking {}", booked.id);
    }
    for _ in 0..6 {
        let id = book(&fleet).await;
        assert!(id > highest, "{id} was assigned before");
    }
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn booking_canceled_after_the_backup_is_canceled_again() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let (kept, canceled) = (book(&fleet).await, book(&fleet).await);
    passes(&fleet).await;
    let to = target(&fleet);
    assert_eq!(backup(&fleet, &to).await.0, 0);
    assert_eq!(cancel(&fleet, canceled).await.status, 204);
    let lost = book(&fleet).await;
    stop(&mut fleet).await;

    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("restored      2 bookings"), "{output}");
    assert!(output.contains(&format!("refunded      booking {lost}: 10000 KRW")), "{output}");
    assert!(output.contains(&format!("canceled      booking {canceled}:")), "{output}");
    fleet.up_again().await;
    assert_eq!(status(&fleet, canceled).await, (200, "Canceled".to_owned()));
    assert_eq!(status(&fleet, kept).await, (200, "PaidComplete".to_owned()));
    assert_eq!(status(&fleet, lost).await.0, 404);
    assert!(book(&fleet).await > lost);
    passes(&fleet).await;
    // The previous files are kept.
    let aside = fs::read_dir(&fleet.data_dir).unwrap().flatten().map(|entry| entry.path());
    let aside =
        aside.into_iter().find(|path| path.display().to_string().contains("before-restore-")).unwrap();
    assert!(aside.join("book.db").exists() && !aside.join("processor.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_that_is_killed_at_any_point_is_completed_by_the_next_one() {
    let (mut fleet, to, kept) = backed_up().await;
    let lost = book(&fleet).await;
    passes(&fleet).await;
    stop(&mut fleet).await;

    // The fleet is unchanged.
    crash_restore(&fleet, &to, "restore.staged").await;
    fleet.up_again().await;
    assert_eq!(fleet.rest.get(&format!("/books/{lost}")).await.unwrap().status, 200);
    stop(&mut fleet).await;

    for point in
        ["restore.marked", "restore.aside:1", "restore.placed:1", "restore.aside:3", "restore.placed:1"]
    {
        crash_restore(&fleet, &to, point).await;
        // No command works on files of two states.
        for command in
            [&["up"][..], &["service", "book"], &["backup", "--to", "elsewhere"], &["audit", "--repair"]]
        {
            let words = command.iter().map(ToString::to_string).chain(fleet.flags());
            let (code, output) = run(marquee(words)).await;
            assert_eq!(code, 1, "{output}");
            assert!(output.contains("a restore of"), "{output}");
        }
    }
    for point in ["restore.in-place", "restore.returned", "restore.reconciled"] {
        crash_restore(&fleet, &to, point).await;
    }
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    fleet.up_again().await;
    assert_eq!(fleet.rest.get(&format!("/books/{kept}")).await.unwrap().status, 200);
    assert_eq!(ledger(&fleet, lost).await, 0);
    assert!(book(&fleet).await > lost);
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_restored_where_no_fleet_has_run() {
    let (mut fleet, to, id) = backed_up().await;
    stop(&mut fleet).await;
    let fleet_id = fs::read(fleet.data_dir.join("fleet-id")).unwrap();

    fleet.data_dir = fleet.data_dir.parent().unwrap().join("elsewhere");
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("not checked") && output.contains("there is no ledger"), "{output}");
    // The ledger was not compared.
    assert!(output.contains("passed        all services agree"), "{output}");
    assert!(output.contains("copy processor.db from the other machine before the fleet starts"), "{output}");
    assert_eq!(fs::read(fleet.data_dir.join("fleet-id")).unwrap(), fleet_id);
    fleet.up_again().await;
    assert_eq!(fleet.rest.get(&format!("/books/{id}")).await.unwrap().status, 200);
    assert!(book(&fleet).await > id + 1_000, "later bookings have left no trace here");
}

/// Starts a fleet with one booking, and takes a backup of it.
async fn backed_up() -> (Fleet, PathBuf, i64) {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let booking = book(&fleet).await;
    passes(&fleet).await;
    let to = target(&fleet);
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 0, "{output}");
    (fleet, to, booking)
}

/// Makes bookings that are not in the earlier backup, and returns their ids.
async fn later(fleet: &Fleet, count: usize) -> Vec<i64> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(book(fleet).await);
    }
    passes(fleet).await;
    ids
}

async fn status(fleet: &Fleet, booking: i64) -> (u16, String) {
    let answer = fleet.rest.get(&format!("/books/{booking}")).await.unwrap();
    (answer.status, answer.body["status"].as_str().unwrap_or_default().to_owned())
}

async fn restore(fleet: &Fleet, from: &Path, flags: &[&str]) -> (i32, String) {
    run(restore_command(fleet, from, flags)).await
}

async fn undo(fleet: &Fleet, flags: &[&str]) -> (i32, String) {
    run(undo_command(fleet, flags)).await
}

fn undo_command(fleet: &Fleet, flags: &[&str]) -> std::process::Command {
    let mut command = marquee(["restore", "--undo"]);
    command.args(fleet.flags()).args(flags);
    command
}

fn restore_command(fleet: &Fleet, from: &Path, flags: &[&str]) -> std::process::Command {
    let mut command = marquee(["restore", "--from"]);
    command.arg(from).args(fleet.flags()).args(flags);
    command
}

/// Runs a restore that crashes at `point`.
async fn crash_restore(fleet: &Fleet, from: &Path, point: &str) {
    crash(|| restore_command(fleet, from, &[]), point).await;
}

async fn crash(command: impl Fn() -> std::process::Command, point: &str) {
    let output = until(&format!("a restore that crashes at {point}"), async || {
        let mut command = command();
        command.env("MARQUEE_CRASH_AT", point);
        let (code, output) = run(command).await;
        // The services of a killed restore stop by themselves, and lock their files until then.
        if output.contains("is in use") { Err(output) } else { Ok((code, output)) }
    })
    .await;
    assert_eq!(output.0, -1, "{point}: {}", output.1);
    assert!(output.1.contains(", as MARQUEE_CRASH_AT says"), "{point}: {}", output.1);
}

/// The sum of a booking's charges and refunds in the provider's ledger.
async fn ledger(fleet: &Fleet, booking: i64) -> i64 {
    let fleet_id = fs::read_to_string(fleet.data_dir.join("fleet-id")).unwrap();
    let sum = query_as::<(i64,)>(
        "SELECT CAST(COALESCE(SUM(CASE WHEN kind = 'charge' THEN amount ELSE -amount END), 0) AS BIGINT)
         FROM ledger WHERE reference = $1",
    )
    .bind(format!("{}-booking-{booking}", fleet_id.trim()));
    let db = fleet.db(Process::Processor).await;
    db.read().await.unwrap().fetch_one(sum).await.unwrap().0
}
