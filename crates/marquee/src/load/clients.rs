//! The clients, and the answers that they get.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::plan::Plan;
use super::verify::Booked;
use crate::rest::{Answer, Rest, RestError};

pub struct Answers {
    /// The customer of all these bookings, and of no others.
    pub customer: i64,
    /// The bookings that were answered with 201.
    pub booked: Vec<Booked>,
    pub by_status: BTreeMap<String, u64>,
    /// The latencies of all answers, shortest first.
    pub latencies: Vec<Duration>,
    pub took: Duration,
}

/// Makes the planned bookings; each client sends its next request as soon as the last one is answered.
pub async fn book(rest: &Rest, plan: &Plan) -> Answers {
    let customer = crate::rest::new_customer();
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..plan.clients {
        let (rest, next, bookings) = (rest.clone(), next.clone(), plan.bookings);
        clients.spawn(async move {
            let mut answers = Answers::none(customer);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= bookings {
                    return answers;
                }
                book_one(&rest, number, &mut answers).await;
            }
        });
    }
    let mut all = Answers::none(customer);
    while let Some(answers) = clients.join_next().await {
        all.add(answers.expect("a client does not panic"));
    }
    all.took = started.elapsed();
    all.latencies.sort_unstable();
    all
}

/// A movie without screenings, which can be booked without naming one.
const MOVIE: &str = "marquee load";

async fn book_one(rest: &Rest, number: u64, answers: &mut Answers) {
    // General admission, because seats would run out. Quantities and prices differ, so that mix-ups are
    // found.
    let qty = 1 + number as i64 % 4;
    let total_price = 5_000 * qty + number as i64;
    let order = json!({
        "movieName": MOVIE, "qty": qty, "totalPrice": total_price, "customerId": answers.customer,
    });
    let sent = Instant::now();
    let answer = rest.send(Method::POST, "/books", Some(&order)).await;
    answers.latencies.push(sent.elapsed());
    *answers.by_status.entry(kind(&answer)).or_default() += 1;
    if let Ok(answer) = answer
        && answer.status == 201
    {
        // If the answer has no id, the check will find no record of the booking.
        let id = answer.body["id"].as_i64().unwrap_or_default();
        answers.booked.push(Booked { id, qty, total_price });
    }
}

fn kind(answer: &Result<Answer, RestError>) -> String {
    match answer {
        Ok(answer) => match answer.body["type"].as_str() {
            Some(problem) => format!("{} {problem}", answer.status),
            None => answer.status.to_string(),
        },
        Err(_) => "no answer".to_owned(),
    }
}

impl Answers {
    fn none(customer: i64) -> Self {
        Self {
            customer,
            booked: Vec::new(),
            by_status: BTreeMap::new(),
            latencies: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn add(&mut self, other: Self) {
        self.booked.extend(other.booked);
        self.latencies.extend(other.latencies);
        for (kind, count) in other.by_status {
            *self.by_status.entry(kind).or_default() += count;
        }
    }

    /// The latency that `share` of the answers do not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        let nth = rank.saturating_sub(1);
        self.latencies.get(nth).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_one_of_the_latencies() {
        let mut answers = Answers::none(1);
        assert_eq!(answers.quantile(0.5), Duration::ZERO);
        answers.latencies = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(answers.quantile(0.5), Duration::from_millis(50));
        assert_eq!(answers.quantile(0.99), Duration::from_millis(99));
        assert_eq!(answers.quantile(1.0), Duration::from_millis(100));
    }
}
