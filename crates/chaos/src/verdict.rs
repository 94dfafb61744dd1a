//! Compares every response with the databases, after all bookings have settled and the fleet is audited.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use audit::{Report, Terms};
use audit_databases::{Databases, audit};
use jiff::Timestamp;
use storage::{Db, query_as};
use tokio::time::sleep;

use crate::Outcome;
use crate::customers::{Answers, Wish};
use crate::fleet::Fleet;

/// Maximum wait until all bookings have settled.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(180);
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Maximum time between a transaction's timestamp and its commit, which is long if its process is frozen.
const SLACK: Duration = Duration::from_secs(15);
/// Number of rows that are read at a time.
const PAGE: i64 = 10_000;

/// A booking as book stores it in the end.
struct Booking {
    seats: Vec<String>,
    status: String,
    created_at: i64,
    updated_at: i64,
}

/// The records of book and payment.
struct Truth {
    bookings: HashMap<i64, Booking>,
    keys: HashMap<String, i64>,
    payments: HashMap<i64, String>,
}

/// Waits until all bookings have settled, and returns all violations, one per line.
pub async fn violations(fleet: &Fleet, hall: i64, answers: &Answers) -> Outcome<Vec<String>> {
    let databases = fleet.databases().await?;
    let report = settled(&databases).await?;
    println!("audited       {} bookings", report.bookings);
    let mut wrong = Vec::new();
    for finding in &report.findings {
        let (id, story) = (finding.story.booking_id, serde_json::to_string(&finding.story)?);
        let lines = finding.violations.iter();
        wrong.extend(lines.map(|one| format!("booking {id}, {}: {} {story}", one.kind, one.detail)));
    }
    wrong.extend(report.screenings.iter().map(|one| format!("{}: {}", one.kind, one.detail)));
    if report.in_flight > 0 {
        wrong.push(format!("{} bookings have not settled", report.in_flight));
    }
    let truth = Truth::read(&databases, hall).await?;
    wrong.extend(answers.0.iter().filter_map(|wish| truth.contradicts(wish)));
    Ok(wrong)
}

/// Repeats the audit until it finds nothing and no booking is pending, or until the timeout.
async fn settled(databases: &Databases) -> Outcome<Report> {
    let began = Instant::now();
    loop {
        let report = audit(databases, Terms { settle: Duration::ZERO, shown: 100 }).await;
        match report {
            Ok(report) if report.total() == 0 && !is_pending(databases).await? => return Ok(report),
            Ok(report) if began.elapsed() > SETTLE_TIMEOUT => return Ok(report),
            Err(error) if began.elapsed() > SETTLE_TIMEOUT => return Err(error.into()),
            _ => sleep(POLL_INTERVAL).await,
        }
    }
}

/// Whether a booking is still pending.
async fn is_pending(databases: &Databases) -> Outcome<bool> {
    let find = query_as::<(i64,)>("SELECT id FROM bookings WHERE status = 'PaymentPending' LIMIT 1");
    Ok(databases.book.read().await?.fetch_optional(find).await?.is_some())
}

impl Truth {
    async fn read(databases: &Databases, hall: i64) -> Outcome<Self> {
        let mut bookings = HashMap::new();
        let mut last = 0;
        loop {
            let page = query_as::<(i64, Option<String>, String, i64, i64)>(
                "SELECT id, seat, status, created_at, updated_at FROM bookings
                 WHERE screening_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            );
            let rows = databases.book.read().await?.fetch_all(page.bind(hall).bind(last).bind(PAGE)).await?;
            let Some(end) = rows.last() else {
                break;
            };
            last = end.0;
            for (id, seat, status, created_at, updated_at) in rows {
                let seats = seat.unwrap_or_default().split(',').map(str::to_owned).collect();
                bookings.insert(id, Booking { seats, status, created_at, updated_at });
            }
        }
        Ok(Self {
            bookings,
            keys: pairs(&databases.book, "SELECT key, booking_id FROM request_keys").await?,
            payments: statuses(&databases.payment).await?,
        })
    }

    /// Returns a contradiction between a response to `wish` and the records, if any.
    fn contradicts(&self, wish: &Wish) -> Option<String> {
        let wrong = wish.answers.iter().find_map(|answer| {
            let Some(id) = answer.booking_id else {
                return self.contradicts_refusal(wish, answer);
            };
            let Some(booking) = self.bookings.get(&id) else {
                return Some(format!("booking {id} does not exist"));
            };
            let mut seats = booking.seats.clone();
            seats.sort();
            if seats != wish.seats {
                return Some(format!("booking {id} has {seats:?}"));
            }
            let is_over = ["Declined", "Expired"].contains(&booking.status.as_str());
            let was_lost = is_over || (booking.status == "Canceled" && !wish.canceled);
            (answer.status == 201 && was_lost).then(|| format!("booking {id} is {}", booking.status))
        });
        let wrong = wrong.or_else(|| self.contradicts_end(wish));
        wrong.map(|wrong| format!("{wrong}; the responses: {wish:?}"))
    }

    fn contradicts_refusal(&self, wish: &Wish, answer: &crate::customers::Answer) -> Option<String> {
        let known = self.keys.get(&wish.key);
        match (answer.status, answer.problem.as_str()) {
            (402, _) => {
                let id = known?;
                let is_paid = self.payments.get(id).is_some_and(|status| status == "Paid");
                is_paid.then(|| format!("booking {id} was charged"))
            }
            // Nothing was stored, unless an earlier request with this key got no response.
            (503, _) if wish.answers.iter().all(|answer| answer.status == 503) => {
                known.map(|id| format!("booking {id} was stored"))
            }
            (409, "seat-taken") => {
                let free = answer.taken.iter().find(|seat| !self.was_taken(seat, wish, answer.at));
                free.map(|seat| format!("{seat} was free"))
            }
            _ => None,
        }
    }

    /// Whether another booking may have had `seat` between the request and its response.
    fn was_taken(&self, seat: &str, wish: &Wish, answered_at: Timestamp) -> bool {
        let own = self.keys.get(&wish.key);
        let earliest = (wish.asked_at - SLACK).as_microsecond();
        self.bookings.iter().any(|(id, booking)| {
            let has_it = Some(id) != own && booking.seats.iter().any(|one| one == seat);
            let has_ended = ["Declined", "Expired", "Canceled"].contains(&booking.status.as_str());
            let began = booking.created_at <= answered_at.as_microsecond();
            has_it && began && (!has_ended || booking.updated_at >= earliest)
        })
    }

    /// Returns a contradiction if a cancellation got 204 and the booking is not canceled, or a collect got
    /// 200 and the ticket is not collected.
    fn contradicts_end(&self, wish: &Wish) -> Option<String> {
        let id = wish.answers.last()?.booking_id?;
        let status = self.bookings.get(&id)?.status.as_str();
        match (wish.cancel_status, wish.collect_status) {
            (Some(204), _) if status != "Canceled" => {
                Some(format!("booking {id} is {status}, but its cancellation got 204"))
            }
            (_, Some(200)) if status != "PrintComplete" => {
                Some(format!("booking {id} is {status}, but its collect got 200"))
            }
            _ => None,
        }
    }
}

async fn pairs(db: &Db, select: &'static str) -> Outcome<HashMap<String, i64>> {
    Ok(db.read().await?.fetch_all(query_as::<(String, i64)>(select)).await?.into_iter().collect())
}

async fn statuses(payment: &Db) -> Outcome<HashMap<i64, String>> {
    let select = query_as::<(i64, String)>("SELECT booking_id, status FROM payments");
    Ok(payment.read().await?.fetch_all(select).await?.into_iter().collect())
}
