//! Clients that book continuously.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use marquee::fleet::Process;
use marquee::load::verify::{self, Booked};
use marquee::metrics_text::metric;
use marquee::rest::Rest;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::fleet::Fleet;
use crate::wait::until;

const CLIENTS: usize = 16;
/// Pause of a client after a booking. A higher load would not test more, and would slow down servers that
/// restart.
const PAUSE_AFTER_BOOKING: Duration = Duration::from_millis(50);
/// Number of bookings that are surely made within the timeout of one wait.
const STRIDE: usize = 500;
/// Pause of a client after a refused booking.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// 16 clients that book until [`stop`](Self::stop).
pub struct Load {
    clients: JoinSet<Answers>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    next: AtomicI64,
    booked: AtomicUsize,
    refused: AtomicUsize,
}

#[derive(Default)]
pub struct Answers {
    /// Bookings that were answered with 201.
    pub booked: Vec<Booked>,
    /// Bookings that were answered with 202.
    pub pending: Vec<i64>,
    /// Number of answers by status; 0 stands for no answer.
    pub by_status: BTreeMap<u16, usize>,
}

impl Load {
    pub fn start(rest: &Rest) -> Self {
        Self::on(&[rest], PAUSE_AFTER_BOOKING)
    }

    /// Starts clients at `doors`. Each client stays with one door while it answers, and pauses after each
    /// booking.
    pub fn on(doors: &[&Rest], pause: Duration) -> Self {
        let shared = Arc::<Shared>::default();
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let mut doors: Vec<Rest> = doors.iter().copied().cloned().collect();
            let first = client % doors.len();
            doors.rotate_left(first);
            clients.spawn(book_until_stopped(doors, pause, shared.clone()));
        }
        Self { clients, shared }
    }

    /// Waits until `more` further bookings have been answered with 201.
    pub async fn books_more(&self, more: usize) {
        let wanted = self.booked() + more;
        until("more bookings", async || {
            let booked = self.booked();
            if booked >= wanted { Ok(()) } else { Err(format!("{booked} of {wanted}")) }
        })
        .await;
    }

    /// The number of bookings that were answered with 201.
    pub fn booked(&self) -> usize {
        self.shared.booked.load(Ordering::Relaxed)
    }

    /// Waits until `wanted` bookings in total have been answered with 201.
    pub async fn reaches(&self, wanted: usize) {
        while self.booked() < wanted {
            self.books_more(STRIDE.min(wanted.saturating_sub(self.booked()))).await;
        }
    }

    /// The number of requests that were answered with neither 201 nor 202.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    pub async fn stop(self) -> Answers {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut all = Answers::default();
        for answers in self.clients.join_all().await {
            all.booked.extend(answers.booked);
            all.pending.extend(answers.pending);
            for (status, count) in answers.by_status {
                *all.by_status.entry(status).or_default() += count;
            }
        }
        all
    }
}

async fn book_until_stopped(mut doors: Vec<Rest>, pause: Duration, shared: Arc<Shared>) -> Answers {
    let mut answers = Answers::default();
    while !shared.stop.load(Ordering::Relaxed) {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let (qty, total_price) = (1 + number % 4, 1000 + number);
        // Each booking has its own customer, because the unpaid bookings of a customer are limited.
        let order =
            json!({ "movieName": "soul", "qty": qty, "totalPrice": total_price, "customerId": 1 + number });
        let answer = doors[0].send(Method::POST, "/books", Some(&order)).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        *answers.by_status.entry(status).or_default() += 1;
        let id = answer.ok().and_then(|answer| answer.body["id"].as_i64());
        match (status, id) {
            (201, Some(id)) => {
                answers.booked.push(Booked { id, qty, total_price });
                shared.booked.fetch_add(1, Ordering::Relaxed);
                sleep(pause).await;
            }
            (202, Some(id)) => answers.pending.push(id),
            _ => {
                doors.rotate_left(1);
                shared.refused.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
    answers
}

/// Waits until every service has one record of each of these bookings, and no event is unsent or a dead
/// letter.
pub async fn settled(fleet: &Fleet, booked: &[Booked]) {
    assert!(!booked.is_empty());
    // Counting is cheap, so rows are read only when there are enough.
    for plural in ["books", "payments", "tickets", "points", "mypages"] {
        until(&format!("as many {plural} as bookings"), async || {
            let rows = fleet.rest.count(&format!("/{plural}")).await.map_err(|error| error.to_string())?;
            if rows >= booked.len() as u64 { Ok(()) } else { Err(format!("{rows} of {}", booked.len())) }
        })
        .await;
    }
    until("every booking in every service", async || {
        let differences =
            verify::differences(&fleet.rest, booked).await.map_err(|error| error.to_string())?;
        match differences.first() {
            None => Ok(()),
            Some(first) => Err(format!("{} differences, the first: {first}", differences.len())),
        }
    })
    .await;
    assert_quiet(fleet).await;
}

/// Waits until all outboxes are empty, and asserts that there are no dead letters.
pub async fn assert_quiet(fleet: &Fleet) {
    for process in Process::SERVICES {
        let service = fleet.service(process);
        until(&format!("{process}'s outbox to be empty"), async || {
            let unsent = metric(&service, "outbox_unsent_events").await;
            match unsent.map_err(|error| error.to_string())? {
                0.0 => Ok(()),
                unsent => Err(format!("{unsent} events")),
            }
        })
        .await;
        let dead = metric(&service, "dead_letters_total").await.unwrap();
        assert!(dead.abs() < f64::EPSILON, "{process} has {dead} dead letters");
    }
}
