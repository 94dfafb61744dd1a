//! Crashes in every gap between two durable steps: while customers continue, a process crashes at a named
//! point and restarts, and an audit passes at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use marquee::fleet::Process;
use marquee::rest::Rest;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::audit::passes;
use crate::cancel::cancel;
use crate::fleet::Fleet;
use crate::wait::until;

/// Number of concurrent customers.
const CUSTOMERS: i64 = 4;
/// The points that every service has: in its relay and in its consumer.
const EVERYWHERE: [&str; 3] = ["relay.read", "relay.published:2", "consumer.applied:2"];

#[tokio::test(flavor = "multi_thread")]
async fn book_survives_a_crash_in_any_gap() {
    crash_at_each(
        Process::Book,
        &["book.opened:3", "book.paid:3", "book.settled:3", "book.cancel.requested"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_survives_a_crash_in_any_gap() {
    crash_at_each(
        Process::Payment,
        &[
            "payment.charged:3",
            "payment.taken:3",
            "payment.refunder.claimed:2",
            "payment.refunded:2",
            "payment.canceled:2",
        ],
    )
    .await;
}

/// The audit at the end compares the provider's ledger with every booking.
#[tokio::test(flavor = "multi_thread")]
async fn provider_survives_a_crash_in_any_gap() {
    let mut fleet = Fleet::up().await;
    for point in ["processor.opened:3", "processor.charged:3", "processor.canceled:2"] {
        crash_with(&mut fleet, Process::Processor, point, &[("PAYMENT_LATENCY_MS", "1")]).await;
    }
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_survives_a_crash_in_any_gap() {
    crash_at_each(Process::Ticket, &["ticket.begun:2", "ticket.awarded:2", "ticket.settled:2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn point_survives_a_crash_in_any_gap() {
    crash_at_each(Process::Point, &["point.granted:2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mypage_survives_a_crash_in_any_gap() {
    let mut fleet = Fleet::up().await;
    crash(&mut fleet, Process::Mypage, "consumer.applied:2").await;
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_survives_a_crash_while_it_finishes_collections_after_another_crash() {
    let mut fleet = Fleet::up().await;
    for point in ["ticket.reconciler.resumed", "ticket.reconciler.awarded"] {
        fleet.kill(Process::Ticket).await;
        let customers = Customers::come(&fleet.rest);
        fleet.start_armed(Process::Ticket, "ticket.begun", &[]);
        fleet.crashed(Process::Ticket, "ticket.begun").await;
        customers.leave().await;
        // The interrupted collections alone bring the reconciler to the point.
        fleet.start_armed(Process::Ticket, point, &[]);
        fleet.crashed(Process::Ticket, point).await;
        fleet.start_alone(Process::Ticket).await;
    }
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn book_survives_a_crash_while_a_hold_expires() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Payment).await;
    fleet.kill(Process::Book).await;
    let point = "book.expired";
    fleet.start_armed(Process::Book, point, &[("HOLD_SECONDS", "1")]);
    fleet.ready(Process::Book).await;
    let id = book_with_status(&fleet, 202).await;
    fleet.crashed(Process::Book, point).await;
    fleet.start_alone(Process::Book).await;
    fleet.start_alone(Process::Payment).await;
    until("the hold to expire", async || {
        let answer = fleet.rest.get(&format!("/books/{id}")).await.map_err(|error| error.to_string())?;
        if answer.body["status"] == "Expired" { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    passes(&fleet).await;
    // The seat is free.
    book_with_status(&fleet, 201).await;
}

/// The answer comes too late, and `Paid` cannot be published because the event log is locked, so book has to
/// inquire.
#[tokio::test(flavor = "multi_thread")]
async fn book_survives_a_crash_while_it_inquires_about_a_payment() {
    let slow = [("PAYMENT_LATENCY_MS", "1000"), ("PAYMENT_DEADLINE_MS", "300")];
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_with(&slow).await;
    for point in ["book.reconciler.taken", "book.reconciler.asked"] {
        fleet.kill(Process::Book).await;
        fleet.start_armed(Process::Book, point, &slow);
        fleet.ready(Process::Book).await;
        let log = fleet.event_log().await;
        let held = log.begin().await.unwrap();
        let id = book_with_status(&fleet, 202).await;
        fleet.crashed(Process::Book, point).await;
        drop(held);
        fleet.start_alone(Process::Book).await;
        passes(&fleet).await;
        // The booking was paid; its seat is released for the next round.
        assert_eq!(cancel(&fleet, id).await.status, 204);
    }
}

/// Makes a booking, asserts the status of the answer, and returns its id.
async fn book_with_status(fleet: &Fleet, status: u16) -> i64 {
    let order = json!({ "movieName": "soul", "seat": "1A", "totalPrice": 10000 });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, status, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

/// Crashes `process` at one point after the other, in one fleet.
async fn crash_at_each(process: Process, points: &[&str]) {
    let mut fleet = Fleet::up().await;
    for point in EVERYWHERE.iter().chain(points) {
        crash(&mut fleet, process, point).await;
    }
    passes(&fleet).await;
}

/// Crashes `process` at `point` while customers continue, and restarts it.
async fn crash(fleet: &mut Fleet, process: Process, point: &str) {
    crash_with(fleet, process, point, &[]).await;
}

/// Like [`crash`], with additional settings.
async fn crash_with(fleet: &mut Fleet, process: Process, point: &str, env: &[(&str, &str)]) {
    fleet.kill(process).await;
    let customers = Customers::come(&fleet.rest);
    fleet.start_armed(process, point, env);
    fleet.crashed(process, point).await;
    fleet.start_alone(process).await;
    let booked = customers.leave().await;
    for id in booked {
        let answer = fleet.rest.get(&format!("/books/{id}")).await.unwrap();
        assert_eq!(answer.status, 200, "{point}: booking {id} was answered 201");
    }
}

impl Fleet {
    /// Starts `process` so that it will crash at `point`.
    fn start_armed(&mut self, process: Process, point: &str, env: &[(&str, &str)]) {
        let armed = [&[("MARQUEE_CRASH_AT", point)], env].concat();
        self.start(["service", process.name()], &armed);
    }

    /// Waits until the process that was started last has crashed at `point`.
    async fn crashed(&mut self, process: Process, point: &str) {
        let started = self.last_started();
        until(&format!("{process} to crash at {point}"), async || {
            started.ended().ok_or_else(|| "it still runs".to_owned())
        })
        .await;
        started.exit_code().await;
        let output = started.output();
        assert!(output.contains(", as MARQUEE_CRASH_AT says"), "{output}");
    }
}

/// Customers who book, collect and cancel until [`leave`](Self::leave).
struct Customers {
    all: JoinSet<Vec<i64>>,
    leave: Arc<AtomicBool>,
}

impl Customers {
    fn come(rest: &Rest) -> Self {
        static NUMBER: AtomicI64 = AtomicI64::new(0);
        let leave = Arc::<AtomicBool>::default();
        let mut all = JoinSet::new();
        for _ in 0..CUSTOMERS {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            all.spawn(customer(rest.clone(), number, leave.clone()));
        }
        Self { all, leave }
    }

    /// Stops them, and returns the bookings that were answered with 201.
    async fn leave(self) -> Vec<i64> {
        self.leave.store(true, Ordering::Relaxed);
        self.all.join_all().await.concat()
    }
}

async fn customer(rest: Rest, number: i64, leave: Arc<AtomicBool>) -> Vec<i64> {
    let mut booked = Vec::new();
    for round in 0.. {
        if leave.load(Ordering::Relaxed) {
            break;
        }
        let seat = format!("{number}S{round}");
        let order =
            json!({ "movieName": "soul", "seat": seat, "totalPrice": 10000, "customerId": number + 1 });
        let answer = rest.send(Method::POST, "/books", Some(&order)).await;
        let Some(answer) = answer.ok().filter(|answer| [201, 202].contains(&answer.status)) else {
            tokio::task::yield_now().await;
            continue;
        };
        let id = answer.body["id"].as_i64().unwrap();
        if answer.status == 201 {
            booked.push(id);
        }
        // Any answer will do: the audit checks the result.
        let _ = match round % 3 {
            0 => rest.send(Method::DELETE, &format!("/books/{id}"), None).await,
            1 => collect(&rest, id).await,
            _ => rest.get(&format!("/mypages/{id}")).await,
        };
    }
    booked
}

/// Collects the ticket as soon as it exists, within 400 ms.
async fn collect(rest: &Rest, id: i64) -> Result<marquee::rest::Answer, marquee::rest::RestError> {
    let printed: Value = json!({ "status": "Printed" });
    for _ in 0..20 {
        let answer = rest.send(Method::PATCH, &format!("/tickets/{id}"), Some(&printed)).await?;
        if answer.status != 404 {
            return Ok(answer);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    rest.get(&format!("/tickets/{id}")).await
}
