//! Every gap between two durable steps: a process is told to die exactly there, customers go on until it does, it is started
//! again, and everything settles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use marquee::fleet::Process;
use marquee::rest::Rest;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::audit::right;
use crate::cancel::cancel;
use crate::fleet::Fleet;
use crate::wait::until;

/// Customers at once.
const CUSTOMERS: i64 = 4;
/// What every service does: its events leave, and those of the others are applied.
const EVERYWHERE: [&str; 3] = ["relay.read", "relay.published:2", "consumer.applied:2"];

#[tokio::test(flavor = "multi_thread")]
async fn book_may_die_in_any_gap() {
    dies_at(Process::Book, &["book.opened:3", "book.paid:3", "book.settled:3", "book.cancel.requested"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_may_die_in_any_gap() {
    dies_at(
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

/// Whatever it did before it died stands once: the audit at the end holds its ledger against every booking.
#[tokio::test(flavor = "multi_thread")]
async fn provider_may_die_in_any_gap() {
    let mut fleet = Fleet::up().await;
    for point in ["processor.opened:3", "processor.charged:3", "processor.canceled:2"] {
        die_with(&mut fleet, Process::Processor, point, &[("PAYMENT_LATENCY_MS", "1")]).await;
    }
    right(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_may_die_in_any_gap() {
    dies_at(Process::Ticket, &["ticket.begun:2", "ticket.awarded:2", "ticket.settled:2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn point_may_die_in_any_gap() {
    dies_at(Process::Point, &["point.granted:2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mypage_may_die_in_any_gap() {
    let mut fleet = Fleet::up().await;
    die(&mut fleet, Process::Mypage, "consumer.applied:2").await;
    right(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_may_die_while_it_finishes_what_an_earlier_death_left() {
    let mut fleet = Fleet::up().await;
    for point in ["ticket.reconciler.resumed", "ticket.reconciler.awarded"] {
        fleet.kill(Process::Ticket).await;
        let customers = Customers::come(&fleet.rest);
        fleet.start_armed(Process::Ticket, "ticket.begun", &[]);
        fleet.died(Process::Ticket, "ticket.begun").await;
        customers.leave().await;
        // What it finds at its start is enough: nobody has to come.
        fleet.start_armed(Process::Ticket, point, &[]);
        fleet.died(Process::Ticket, point).await;
        fleet.start_alone(Process::Ticket).await;
    }
    right(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn book_may_die_while_a_hold_ends() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Payment).await;
    fleet.kill(Process::Book).await;
    let point = "book.expired";
    fleet.start_armed(Process::Book, point, &[("HOLD_SECONDS", "1")]);
    fleet.ready(Process::Book).await;
    let id = is_answered(&fleet, 202).await;
    fleet.died(Process::Book, point).await;
    fleet.start_alone(Process::Book).await;
    fleet.start_alone(Process::Payment).await;
    until("the hold to be over", async || {
        let answer = fleet.rest.get(&format!("/books/{id}")).await.map_err(|error| error.to_string())?;
        if answer.body["status"] == "Expired" { Ok(()) } else { Err(answer.body.to_string()) }
    })
    .await;
    right(&fleet).await;
    // The seat is free.
    is_answered(&fleet, 201).await;
}

/// The answer comes too late, and `Paid` does not come at all, as nobody can write to the event log: so book has to ask.
#[tokio::test(flavor = "multi_thread")]
async fn book_may_die_while_it_asks_what_became_of_a_payment() {
    let slow = [("PAYMENT_LATENCY_MS", "1000"), ("PAYMENT_DEADLINE_MS", "300")];
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_with(&slow).await;
    for point in ["book.reconciler.taken", "book.reconciler.asked"] {
        fleet.kill(Process::Book).await;
        fleet.start_armed(Process::Book, point, &slow);
        fleet.ready(Process::Book).await;
        let log = fleet.event_log().await;
        let held = log.begin().await.unwrap();
        let id = is_answered(&fleet, 202).await;
        fleet.died(Process::Book, point).await;
        drop(held);
        fleet.start_alone(Process::Book).await;
        right(&fleet).await;
        // It was paid, and its seat goes to who comes next.
        assert_eq!(cancel(&fleet, id).await.status, 204);
    }
}

/// A booking that is answered so.
async fn is_answered(fleet: &Fleet, status: u16) -> i64 {
    let order = json!({ "movieName": "soul", "seat": "1A", "totalPrice": 10000 });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, status, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

/// One death after the other, in one fleet.
async fn dies_at(process: Process, points: &[&str]) {
    let mut fleet = Fleet::up().await;
    for point in EVERYWHERE.iter().chain(points) {
        die(&mut fleet, process, point).await;
    }
    right(&fleet).await;
}

/// Dies at `point` while customers go on, and is started again.
async fn die(fleet: &mut Fleet, process: Process, point: &str) {
    die_with(fleet, process, point, &[]).await;
}

/// The same with settings of its own.
async fn die_with(fleet: &mut Fleet, process: Process, point: &str, env: &[(&str, &str)]) {
    fleet.kill(process).await;
    let customers = Customers::come(&fleet.rest);
    fleet.start_armed(process, point, env);
    fleet.died(process, point).await;
    fleet.start_alone(process).await;
    let booked = customers.leave().await;
    for id in booked {
        let answer = fleet.rest.get(&format!("/books/{id}")).await.unwrap();
        assert_eq!(answer.status, 200, "{point}: booking {id} was answered 201");
    }
}

impl Fleet {
    /// Starts `process` so that it will die at `point`.
    fn start_armed(&mut self, process: Process, point: &str, env: &[(&str, &str)]) {
        let armed = [&[("MARQUEE_CRASH_AT", point)], env].concat();
        self.start(["service", process.name()], &armed);
    }

    /// Waits until what was started last has died at `point`.
    async fn died(&mut self, process: Process, point: &str) {
        let started = self.last_started();
        until(&format!("{process} to die at {point}"), async || {
            started.ended().ok_or_else(|| "it lives".to_owned())
        })
        .await;
        started.exit_code().await;
        let output = started.output();
        assert!(output.contains(", as MARQUEE_CRASH_AT says"), "{output}");
    }
}

/// Customers who book, collect and cancel until they are told to leave.
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

    /// The bookings that were answered 201.
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
        // Whatever comes of it: the auditor will see.
        let _ = match round % 3 {
            0 => rest.send(Method::DELETE, &format!("/books/{id}"), None).await,
            1 => collect(&rest, id).await,
            _ => rest.get(&format!("/mypages/{id}")).await,
        };
    }
    booked
}

/// As soon as there is a ticket, but without waiting for it for long.
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
