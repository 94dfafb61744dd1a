//! Checks that every service has one record of every booking.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::fleet::Process;
use crate::metrics_text::metric;
use crate::rest::{Rest, RestError, difference};
use crate::target::Target;

/// A booking that was answered with 201, and its order.
#[derive(Clone, Copy, Debug)]
pub struct Booked {
    pub id: i64,
    pub qty: i64,
    pub total_price: i64,
}

/// Rows by booking id.
type Rows = HashMap<i64, Vec<Value>>;

/// The records of all services.
#[derive(Default)]
struct Tables {
    books: Rows,
    payments: Rows,
    tickets: Rows,
    points: Rows,
    mypages: Rows,
}

/// Describes each difference between the bookings and the records of the services. No booking may have been
/// collected or canceled.
///
/// # Errors
///
/// When a collection cannot be read.
pub async fn differences(rest: &Rest, booked: &[Booked]) -> Result<Vec<String>, RestError> {
    let tables = Tables {
        books: rows_by(rest, "books", "id").await?,
        payments: rows_by(rest, "payments", "bookingId").await?,
        tickets: rows_by(rest, "tickets", "bookingId").await?,
        points: rows_by(rest, "points", "bookingId").await?,
        mypages: rows_by(rest, "mypages", "bookingId").await?,
    };
    Ok(booked.iter().flat_map(|booking| tables.differences_of(booking)).collect())
}

async fn rows_by(rest: &Rest, plural: &str, id: &str) -> Result<Rows, RestError> {
    let mut rows = Rows::new();
    for row in rest.collection(plural).await? {
        let id = row[id].as_i64().unwrap_or_default();
        rows.entry(id).or_default().push(row);
    }
    Ok(rows)
}

impl Tables {
    fn differences_of(&self, booking: &Booked) -> Vec<String> {
        let Booked { id, qty, total_price } = booking;
        let rows_of = |rows: &'_ Rows| rows.get(id).cloned().unwrap_or_default();
        let books = rows_of(&self.books);
        let status = books.first().map_or(&Value::Null, |book| &book["status"]);
        let mut lines = Vec::new();
        if !books.is_empty() && status != "Registered" && status != "PaidComplete" {
            lines.push(format!("its status is {status}"));
        }
        let expected = [
            ("booking", books, json!({ "qty": qty, "totalPrice": total_price })),
            ("payment", rows_of(&self.payments), json!({ "status": "Paid", "totalPrice": total_price })),
            ("ticket", rows_of(&self.tickets), json!({ "id": id, "status": "Waiting", "qty": qty })),
            ("points row", rows_of(&self.points), json!({ "score": 0, "status": "Waiting Point" })),
            (
                "mypage row",
                rows_of(&self.mypages),
                json!({ "id": id, "status": "Booked", "qty": qty, "price": total_price, "ticketId": id }),
            ),
        ];
        for (what, rows, expected) in expected {
            lines.extend(match rows.as_slice() {
                [row] => difference(row, &expected).map(|line| format!("its {what}: {line}")),
                [] => Some(format!("it has no {what}")),
                several => Some(format!("it has more than one {what}: {}", several.len())),
            });
        }
        lines.into_iter().map(|line| format!("booking {id}: {line}")).collect()
    }
}

/// The metrics of the services, if the services can be reached directly.
pub struct Processes {
    known: Vec<Counted>,
}

struct Counted {
    process: Process,
    rest: Rest,
    dead_letters_before: f64,
}

impl Processes {
    /// Reads the counters before the load, so that [`unsettled`](Self::unsettled) can report the increase.
    ///
    /// # Errors
    ///
    /// When a service does not answer.
    pub async fn before_load(target: &Target) -> Result<Self, RestError> {
        let mut known = Vec::new();
        for (process, url) in target.processes() {
            if !Process::SERVICES.contains(&process) {
                continue;
            }
            let rest = Rest::new(&url);
            let dead_letters_before = metric(&rest, "dead_letters_total").await?;
            known.push(Counted { process, rest, dead_letters_before });
        }
        Ok(Self { known })
    }

    pub fn are_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// Describes the events that are not sent yet, and new dead letters.
    ///
    /// # Errors
    ///
    /// When a service does not answer.
    pub async fn unsettled(&self) -> Result<Vec<String>, RestError> {
        let mut lines = Vec::new();
        for Counted { process, rest, dead_letters_before } in &self.known {
            let unsent = metric(rest, "outbox_unsent_events").await?;
            if unsent > 0.0 {
                lines.push(format!("{process}: {unsent} events are not sent"));
            }
            let dead = metric(rest, "dead_letters_total").await? - dead_letters_before;
            if dead > 0.0 {
                lines.push(format!("{process}: {dead} dead letters"));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKED: Booked = Booked { id: 7, qty: 2, total_price: 500 };

    fn tables() -> Tables {
        let one = |row: Value| Rows::from([(7, vec![row])]);
        Tables {
            books: one(json!({ "id": 7, "qty": 2, "totalPrice": 500, "status": "PaidComplete" })),
            payments: one(json!({ "bookingId": 7, "status": "Paid", "totalPrice": 500 })),
            tickets: one(json!({ "id": 7, "status": "Waiting", "qty": 2 })),
            points: one(json!({ "bookingId": 7, "score": 0, "status": "Waiting Point" })),
            mypages: one(json!({ "id": 7, "status": "Booked", "qty": 2, "price": 500, "ticketId": 7 })),
        }
    }

    #[test]
    fn booking_with_one_record_in_each_service_has_no_difference() {
        assert_eq!(tables().differences_of(&BOOKED), [""; 0]);
    }

    #[test]
    fn missing_records_are_found() {
        assert_eq!(
            Tables::default().differences_of(&BOOKED),
            ["booking", "payment", "ticket", "points row", "mypage row"]
                .map(|what| format!("booking 7: it has no {what}"))
        );
    }

    #[test]
    fn duplicate_and_wrong_records_are_found() {
        let mut tables = tables();
        let payments = tables.payments.get_mut(&7).unwrap();
        payments.push(payments[0].clone());
        tables.books.get_mut(&7).unwrap()[0]["status"] = json!("PaymentPending");
        tables.mypages.get_mut(&7).unwrap()[0]["ticketId"] = json!(8);
        assert_eq!(
            tables.differences_of(&BOOKED),
            [
                "booking 7: its status is \"PaymentPending\"",
                "booking 7: it has more than one payment: 2",
                "booking 7: its mypage row: expected /ticketId to be 7, but it is 8",
            ]
        );
    }
}
