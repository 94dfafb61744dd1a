//! The customers: they book, cancel and collect, and remember every response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::fleet::{LETTERS, ROWS};

const CUSTOMERS: u64 = 64;
/// Timeout of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause of a customer between two wishes, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 20..200;
/// Maximum number of requests for one wish while their outcome is unknown, and the pause between them.
const ATTEMPTS_MAX: usize = 3;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(200);
/// Maximum number of attempts to collect a ticket that does not exist yet, and the pause between them.
const COLLECTS_MAX: usize = 30;
const COLLECT_PAUSE: Duration = Duration::from_millis(100);
/// Maximum number of seats of one wish.
const SEATS_MAX: usize = 3;

/// One wish, and all responses to it.
#[derive(Clone, Debug)]
pub struct Wish {
    pub key: String,
    pub seats: Vec<String>,
    pub asked_at: Timestamp,
    pub answers: Vec<Answer>,
    /// Whether the customer has sent a cancellation.
    pub canceled: bool,
    /// The status of the response to the cancellation, and of that to the collect.
    pub cancel_status: Option<u16>,
    pub collect_status: Option<u16>,
}

/// The response to a booking.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status, or 0 without a response.
    pub status: u16,
    /// The last part of its `type`, if it is a problem.
    pub problem: String,
    pub booking_id: Option<i64>,
    /// The seats that are already taken, according to a problem.
    pub taken: Vec<String>,
    pub at: Timestamp,
}

/// All customers, each in a task.
pub struct Customers {
    all: JoinSet<Vec<Wish>>,
    leave: Arc<AtomicBool>,
}

/// The wishes of all customers.
#[derive(Debug)]
pub struct Answers(pub Vec<Wish>);

impl Answers {
    pub fn requests(&self) -> usize {
        let others = |wish: &Wish| [wish.cancel_status, wish.collect_status].iter().flatten().count();
        self.0.iter().map(|wish| wish.answers.len() + others(wish)).sum()
    }

    pub fn by_status(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for wish in &self.0 {
            let booked = wish.answers.iter().map(|answer| ("book", answer.status));
            let canceled = wish.cancel_status.map(|status| ("cancel", status));
            let collected = wish.collect_status.map(|status| ("collect", status));
            for (what, status) in booked.chain(canceled).chain(collected) {
                let status = if status == 0 { "nothing".to_owned() } else { status.to_string() };
                *counts.entry(format!("{what} {status}")).or_default() += 1;
            }
        }
        counts
    }
}

impl Customers {
    pub fn start(gateway: &str, hall: i64, seed: u64) -> Self {
        let leave = Arc::<AtomicBool>::default();
        let mut all = JoinSet::new();
        for number in 1..=CUSTOMERS {
            let customer = Customer {
                gateway: gateway.to_owned(),
                client: Client::builder().no_proxy().timeout(CALL_TIMEOUT).build().unwrap_or_default(),
                number,
                hall,
                rng: Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            };
            all.spawn(customer.shop(leave.clone()));
        }
        Self { all, leave }
    }

    /// Lets the customers finish their current wishes, and returns all wishes.
    pub async fn leave(self) -> Answers {
        self.leave.store(true, Ordering::Relaxed);
        Answers(self.all.join_all().await.concat())
    }
}

struct Customer {
    gateway: String,
    client: Client,
    number: u64,
    hall: i64,
    rng: Rng,
}

impl Customer {
    async fn shop(mut self, leave: Arc<AtomicBool>) -> Vec<Wish> {
        let mut wishes = Vec::new();
        while !leave.load(Ordering::Relaxed) {
            let mut wish = self.book(wishes.len()).await;
            if let Some(id) = wish.answers.last().and_then(|answer| answer.booking_id) {
                self.go_on(id, &mut wish).await;
            }
            wishes.push(wish);
            sleep(Duration::from_millis(self.rng.u64(PAUSE_MS))).await;
        }
        wishes
    }

    async fn book(&mut self, nth: usize) -> Wish {
        let mut seats: Vec<String> = (0..=self.rng.usize(..SEATS_MAX)).map(|_| self.seat()).collect();
        seats.sort();
        seats.dedup();
        let key = format!("{}-{nth}", self.number);
        let asked_at = Timestamp::now();
        let body = json!({ "screeningId": self.hall, "seat": seats.join(","), "customerId": self.number });
        let mut answers = Vec::new();
        for _ in 0..ATTEMPTS_MAX {
            let (status, body) = self.call(Method::POST, "/books", Some((&body, &key))).await;
            answers.push(Answer::read(status, &body));
            // If the outcome is unknown, the request may be repeated with its key.
            if ![0, 502, 504].contains(&status) {
                break;
            }
            sleep(ATTEMPT_PAUSE).await;
        }
        Wish { key, seats, asked_at, answers, canceled: false, cancel_status: None, collect_status: None }
    }

    /// Cancels or collects some bookings. More than half are canceled, so that seats become free again; some
    /// are canceled and collected at the same time.
    async fn go_on(&mut self, id: i64, wish: &mut Wish) {
        let (cancel, collect) = match self.rng.u8(..20) {
            0..=11 => (true, false),
            12 => (false, true),
            13 => (true, true),
            _ => (false, false),
        };
        wish.canceled = cancel;
        let (books, tickets) = (format!("/books/{id}"), format!("/tickets/{id}"));
        let canceling =
            async { if cancel { Some(self.call(Method::DELETE, &books, None).await.0) } else { None } };
        let collecting = async { if collect { Some(self.collect(&tickets).await) } else { None } };
        (wish.cancel_status, wish.collect_status) = tokio::join!(canceling, collecting);
    }

    async fn collect(&self, ticket: &str) -> u16 {
        let printed = json!({ "status": "Printed" });
        for _ in 0..COLLECTS_MAX {
            let (status, _) = self.call(Method::PATCH, ticket, Some((&printed, ""))).await;
            if status != 404 {
                return status;
            }
            sleep(COLLECT_PAUSE).await;
        }
        404
    }

    fn seat(&mut self) -> String {
        let (row, letter) = (self.rng.usize(1..=ROWS), self.rng.usize(..LETTERS.len()));
        format!("{row}{}", &LETTERS[letter..=letter])
    }

    async fn call(&self, method: Method, path: &str, body: Option<(&Value, &str)>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.gateway));
        if let Some((body, key)) = body {
            request = request.json(body);
            if !key.is_empty() {
                request = request.header("Idempotency-Key", key);
            }
        }
        let Ok(answer) = request.send().await else {
            return (0, Value::Null);
        };
        let status = answer.status().as_u16();
        match answer.text().await {
            Ok(text) => (status, serde_json::from_str(&text).unwrap_or_default()),
            Err(_) => (0, Value::Null),
        }
    }
}

impl Answer {
    fn read(status: u16, body: &Value) -> Self {
        let problem = body["type"].as_str().and_then(|slug| slug.rsplit('/').next()).unwrap_or_default();
        let taken = body["seats"].as_array().into_iter().flatten();
        Self {
            status,
            problem: problem.to_owned(),
            booking_id: body["id"].as_i64().filter(|_| [201, 202].contains(&status)),
            taken: taken.filter_map(|seat| seat.as_str().map(str::to_owned)).collect(),
            at: Timestamp::now(),
        }
    }
}
