//! kill -9 in the middle of the load. Nothing that was answered 201 may be lost, and nothing may be there twice.

use std::collections::{HashMap, HashSet};

use marquee::fleet::Process;
use rustix::process::Signal;
use serde_json::Value;

use crate::clients::{Load, nothing_under_way, settled};
use crate::fleet::{Fleet, gone, send};
use crate::wait::until;

/// How often each process is killed.
const TIMES: usize = 3;
/// How many bookings are made before, between and after the kills.
const STRETCH: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn ticket_killed_three_times_under_load() {
    bookings_go_on_without(Process::Ticket).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn point_killed_three_times_under_load() {
    bookings_go_on_without(Process::Point).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mypage_killed_three_times_under_load() {
    bookings_go_on_without(Process::Mypage).await;
}

async fn bookings_go_on_without(process: Process) {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    for _ in 0..TIMES {
        load.goes_on(STRETCH).await;
        fleet.kill(process).await;
        load.goes_on(STRETCH).await;
        fleet.start_alone(process).await;
    }
    load.goes_on(STRETCH).await;
    let answers = load.stop().await;
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_killed_three_times_under_load() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    for _ in 0..TIMES {
        load.goes_on(STRETCH).await;
        fleet.kill(Process::Payment).await;
        fleet.start_alone(Process::Payment).await;
    }
    load.goes_on(STRETCH).await;
    let answers = load.stop().await;
    let statuses: HashSet<u16> = answers.by_status.keys().copied().collect();
    assert!(statuses.is_subset(&HashSet::from([201, 202, 503])), "{:?}", answers.by_status);

    settled(&fleet, &answers.booked).await;
    every_payment_has_its_booking(&fleet).await;
    // What was answered 503 was not kept.
    let kept = fleet.rest.count("/books").await.unwrap();
    assert_eq!(kept, (answers.booked.len() + answers.pending.len()) as u64, "{:?}", answers.by_status);
    // What was answered 202 is booked if it was paid, and waits if it was not.
    let payments = by_booking(&fleet, "payments", "bookingId").await;
    let books = by_booking(&fleet, "books", "id").await;
    for id in answers.pending {
        let expected: &[&str] = if payments.contains_key(&id) { BOOKED } else { &["PaymentPending"] };
        let status = books[&id]["status"].as_str().unwrap();
        assert!(expected.contains(&status), "booking {id} is {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_killed_under_load_and_started_again() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(4 * STRETCH).await;
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
    nothing_under_way(&fleet).await;
}

/// Registered or later.
pub const BOOKED: &[&str] = &["Registered", "PaidComplete", "PrintComplete"];

/// Money is never kept without a booking; `Paid` settles what a crash left open.
pub async fn every_payment_has_its_booking(fleet: &Fleet) {
    until("every payment to have its booking", async || {
        let payments = by_booking(fleet, "payments", "bookingId").await;
        let books = by_booking(fleet, "books", "id").await;
        for id in payments.keys() {
            let status = books.get(id).and_then(|booking| booking["status"].as_str());
            if !status.is_some_and(|status| BOOKED.contains(&status)) {
                return Err(format!("booking {id} is paid, and it is {status:?}"));
            }
        }
        Ok(())
    })
    .await;
}

/// The collection by booking; there is at most one row for each.
pub async fn by_booking(fleet: &Fleet, plural: &str, id: &str) -> HashMap<i64, Value> {
    let rows = fleet.rest.collection(plural).await.unwrap();
    let count = rows.len();
    let by_booking: HashMap<i64, Value> =
        rows.into_iter().map(|row| (row[id].as_i64().unwrap(), row)).collect();
    assert_eq!(by_booking.len(), count, "a booking has two {plural}");
    by_booking
}
