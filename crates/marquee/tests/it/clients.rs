//! Customers who book all the while.

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
/// What a customer does who has booked. More than this is not more of a test, and leaves less of a machine to servers that are
/// to come back.
const PAUSE_AFTER_BOOKING: Duration = Duration::from_millis(50);
/// So many bookings are made within the time that anything is waited for.
const STRIDE: usize = 500;
/// What a customer does who was turned away: comes back a little later.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);

/// 16 clients, booking until they are told to stop.
pub struct Load {
    clients: JoinSet<Answers>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    next: AtomicI64,
    booked: AtomicUsize,
    turned_away: AtomicUsize,
}

#[derive(Default)]
pub struct Answers {
    /// Answered 201.
    pub booked: Vec<Booked>,
    /// Answered 202.
    pub pending: Vec<i64>,
    /// How many of each status; 0 is no answer.
    pub by_status: BTreeMap<u16, usize>,
}

impl Load {
    pub fn start(rest: &Rest) -> Self {
        Self::on(&[rest], PAUSE_AFTER_BOOKING)
    }

    /// Each client stays with one of `doors` for as long as it answers, and pauses after each booking.
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

    /// Waits until `more` bookings have been answered 201 from now on.
    pub async fn goes_on(&self, more: usize) {
        let wanted = self.booked() + more;
        until("more bookings", async || {
            let booked = self.booked();
            if booked >= wanted { Ok(()) } else { Err(format!("{booked} of {wanted}")) }
        })
        .await;
    }

    /// How many were answered 201 so far.
    pub fn booked(&self) -> usize {
        self.shared.booked.load(Ordering::Relaxed)
    }

    /// Waits until so many bookings have been answered 201 in all.
    pub async fn comes_to(&self, wanted: usize) {
        while self.booked() < wanted {
            self.goes_on(STRIDE.min(wanted.saturating_sub(self.booked()))).await;
        }
    }

    /// How many were answered with neither 201 nor 202 so far.
    pub fn turned_away(&self) -> usize {
        self.shared.turned_away.load(Ordering::Relaxed)
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
        // A customer each, as one cannot hold many that are unpaid.
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
                shared.turned_away.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
    }
    answers
}

/// Waits until every service knows every one of these bookings, once, and nothing is under way or dead.
pub async fn settled(fleet: &Fleet, booked: &[Booked]) {
    assert!(!booked.is_empty());
    // Counting is cheap; reading all of it is left for when it may be there.
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
    nothing_under_way(fleet).await;
}

pub async fn nothing_under_way(fleet: &Fleet) {
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
