//! Two processes of every service share a database and the event log, and are killed in turn under load.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use marquee::fleet::Process;
use marquee::rest::Rest;
use serde_json::Value;
use test_kit::scratch::{Databases, databases, is_left_out};

use crate::cancel::{book_at, cancel_at};
use crate::clients::{Load, settled};
use crate::crashes::{BOOKED, by_booking};
use crate::fleet::Fleet;
use crate::topic::{assert_in_order, assert_no_dead_letters};
use crate::wait::until;

/// Each service starts after its upstreams. In reverse, each is killed before them, so that its calls are
/// still answered.
const START_ORDER: [Process; 6] =
    [Process::Processor, Process::Point, Process::Payment, Process::Mypage, Process::Ticket, Process::Book];

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_every_service_are_killed_in_turn_under_load() {
    if is_left_out(&["TEST_DATABASE", "TEST_EVENTS"]) {
        return;
    }
    if !matches!(databases(), Databases::Postgres(_)) {
        println!("left out: two processes cannot share a file");
        return;
    }
    let bookings = bookings();
    let mut one = Fleet::up().await;
    let mut two = one.replica();
    for service in START_ORDER {
        two.start_alone(service).await;
    }
    let doors = [one.service(Process::Book), two.service(Process::Book)];
    cancel_through_the_other_replica_completes(&doors).await;
    let began = Instant::now();
    let load = Load::on(&[&doors[0], &doors[1]], Duration::ZERO);
    // The first processes lead, because they started first; then the second ones take over …
    load.reaches(bookings / 4).await;
    kill_all(&one).await;
    load.reaches(bookings / 2).await;
    // … and share the work with restarted ones, which remain alone at the end.
    for service in START_ORDER {
        one.start_alone(service).await;
    }
    load.reaches(bookings * 3 / 4).await;
    kill_all(&two).await;
    load.reaches(bookings).await;
    let answers = load.stop().await;
    println!("{:?} in {:?}", answers.by_status, began.elapsed());
    // 0 is no answer, from a process that was killed.
    let statuses: BTreeSet<u16> = answers.by_status.keys().copied().collect();
    assert!(statuses.is_subset(&BTreeSet::from([0, 201])), "{:?}", answers.by_status);

    let ended = Instant::now();
    settled(&one, &answers.booked).await;
    println!("all services settled {:?} after the last booking", ended.elapsed());
    every_booking_is_complete_or_absent(&one).await;
    assert_in_order(&one, &answers.booked).await;
    assert_no_dead_letters(&one).await;
}

/// Books through one replica and cancels through the other. The event that completes the cancellation goes to
/// the replica that consumes its partition.
async fn cancel_through_the_other_replica_completes(doors: &[Rest; 2]) {
    for number in 0..10 {
        let booking = book_at(&doors[number % 2]).await;
        let answer = cancel_at(&doors[(number + 1) % 2], booking).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
}

async fn kill_all(replica: &Fleet) {
    for service in START_ORDER.into_iter().rev() {
        replica.kill(service).await;
    }
}

/// Checks that each booking has one record in every service or none at all, also if it was not answered.
async fn every_booking_is_complete_or_absent(fleet: &Fleet) {
    for plural in ["payments", "tickets", "points", "mypages"] {
        until(&format!("the {plural} of all that is booked"), async || {
            let books = by_booking(fleet, "books", "id").await;
            let booked = books.into_iter().filter(|(_, row)| is_booked(row)).map(|(id, _)| id).collect();
            let rows = by_booking(fleet, plural, "bookingId").await;
            let known: BTreeSet<i64> =
                rows.into_iter().filter(|(_, row)| !is_unpaid(row)).map(|(id, _)| id).collect();
            if known == booked { Ok(()) } else { Err(format!("{:?}", known.symmetric_difference(&booked))) }
        })
        .await;
    }
}

/// Returns true for a mypage row of an unpaid booking.
fn is_unpaid(row: &Value) -> bool {
    ["PaymentPending", "Declined", "Expired"].iter().any(|status| row["status"] == *status)
}

fn is_booked(row: &Value) -> bool {
    row["status"] == "Canceled" || BOOKED.iter().any(|status| row["status"] == *status)
}

/// Number of bookings: few in the gate; `TEST_BOOKINGS` sets more.
fn bookings() -> usize {
    std::env::var("TEST_BOOKINGS").map_or(2_000, |number| number.parse().unwrap())
}
