//! kill -9 under load: no booking that was answered with 201 may be lost, and no record may be duplicated.

use std::collections::{HashMap, HashSet};

use marquee::fleet::Process;
use rustix::process::Signal;
use serde_json::Value;

use crate::clients::{Load, assert_quiet, settled};
use crate::fleet::{Fleet, gone, send};
use crate::wait::until;

/// Number of kills of each process.
const TIMES: usize = 3;
/// Number of bookings before, between and after the kills.
const STRETCH: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn bookings_continue_while_ticket_is_killed() {
    bookings_continue_without(Process::Ticket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_continue_while_point_is_killed() {
    bookings_continue_without(Process::Point).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_continue_while_mypage_is_killed() {
    bookings_continue_without(Process::Mypage).await;
}

async fn bookings_continue_without(process: Process) {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    for _ in 0..TIMES {
        load.books_more(STRETCH).await;
        fleet.kill(process).await;
        load.books_more(STRETCH).await;
        fleet.start_alone(process).await;
    }
    load.books_more(STRETCH).await;
    let answers = load.stop().await;
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_settle_after_payment_was_killed_under_load() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    for _ in 0..TIMES {
        load.books_more(STRETCH).await;
        fleet.kill(Process::Payment).await;
        fleet.start_alone(Process::Payment).await;
    }
    load.books_more(STRETCH).await;
    let answers = load.stop().await;
    let statuses: HashSet<u16> = answers.by_status.keys().copied().collect();
    assert!(statuses.is_subset(&HashSet::from([201, 202, 503])), "{:?}", answers.by_status);

    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
    // Bookings that were answered with 503 do not exist.
    let kept = fleet.rest.count("/books").await.unwrap();
    assert_eq!(kept, (answers.booked.len() + answers.pending.len()) as u64, "{:?}", answers.by_status);
    // Bookings that were answered with 202 are booked if they were paid, and pending otherwise.
    let payments = by_booking(&fleet, "payments", "bookingId").await;
    let books = by_booking(&fleet, "books", "id").await;
    for id in answers.pending {
        let expected: &[&str] = if payments.contains_key(&id) { BOOKED } else { &["PaymentPending"] };
        let status = books[&id]["status"].as_str().unwrap();
        assert!(expected.contains(&status), "booking {id} is {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_settle_after_all_processes_were_killed_under_load() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.books_more(4 * STRETCH).await;
    let mut pids = fleet.pids();
    pids.push(fleet.launcher().pid());
    for pid in &pids {
        send(*pid, Signal::KILL);
    }
    let answers = load.stop().await;
    fleet.launcher().kill();
    for pid in pids {
        gone(pid).await;
    }

    fleet.up_again().await;
    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
    assert_quiet(&fleet).await;
}

/// The statuses of paid bookings.
pub const BOOKED: &[&str] = &["Registered", "PaidComplete", "PrintComplete"];

/// Waits until every payment has a paid booking; `Paid` settles bookings that a crash has left pending.
pub async fn every_payment_has_its_booking(fleet: &Fleet) {
    until("every payment to have its booking", async || {
        let payments = by_booking(fleet, "payments", "bookingId").await;
        let books = by_booking(fleet, "books", "id").await;
        for id in payments.keys() {
            let status = books.get(id).and_then(|booking| booking["status"].as_str());
            if !status.is_some_and(|status| BOOKED.contains(&status)) {
                return Err(format!("booking {id} is paid, but its status is {status:?}"));
            }
        }
        Ok(())
    })
    .await;
}

/// Reads a collection by booking id, and asserts that each booking has at most one row.
pub async fn by_booking(fleet: &Fleet, plural: &str, id: &str) -> HashMap<i64, Value> {
    let rows = fleet.rest.collection(plural).await.unwrap();
    let count = rows.len();
    let by_booking: HashMap<i64, Value> =
        rows.into_iter().map(|row| (row[id].as_i64().unwrap(), row)).collect();
    assert_eq!(by_booking.len(), count, "a booking has two {plural}");
    by_booking
}
