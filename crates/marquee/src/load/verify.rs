//! Whether every service knows every booking, once.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::cli::Target;
use crate::fleet::Process;
use crate::rest::{Rest, RestError, difference};

/// A booking that was answered 201, and what was ordered.
#[derive(Clone, Copy, Debug)]
pub struct Booked {
    pub id: i64,
    pub qty: i64,
    pub total_price: i64,
}

/// What is not as it should be, a sentence each, of bookings that nobody has collected or cancelled.
///
/// # Errors
///
/// When a collection could not be read.
pub async fn differences(rest: &Rest, booked: &[Booked]) -> Result<Vec<String>, RestError> {
    let mut differences = Vec::new();
    let books = rows_by(rest, "books", "id").await?;
    let payments = rows_by(rest, "payments", "bookingId").await?;
    let tickets = rows_by(rest, "tickets", "bookingId").await?;
    let points = rows_by(rest, "points", "bookingId").await?;
    let mypages = rows_by(rest, "mypages", "bookingId").await?;
    for booking in booked {
        let Booked { id, qty, total_price } = booking;
        let mut check = |what: &str, rows: &HashMap<i64, Vec<Value>>, expected: Value| {
            let line = match rows.get(id).map_or(&[][..], Vec::as_slice) {
                [row] => difference(row, &expected).map(|line| format!("its {what}: {line}")),
                [] => Some(format!("no {what}")),
                several => Some(format!("{} of {what}", several.len())),
            };
            differences.extend(line.map(|line| format!("booking {id}: {line}")));
        };
        check("booking", &books, json!({ "qty": qty, "totalPrice": total_price }));
        check("payment", &payments, json!({ "status": "Paid", "totalPrice": total_price }));
        check("ticket", &tickets, json!({ "id": id, "status": "Waiting", "qty": qty }));
        check("points", &points, json!({ "score": 0, "status": "Waiting Point" }));
        let row = json!({ "id": id, "status": "Booked", "qty": qty, "price": total_price, "ticketId": id });
        check("mypage", &mypages, row);
        let state = &books.get(id).map_or(&Value::Null, |rows| &rows[0]["status"]);
        if !["Registered", "PaidComplete"].contains(&state.as_str().unwrap_or_default()) {
            differences.push(format!("booking {id}: its status is {state}"));
        }
    }
    Ok(differences)
}

async fn rows_by(rest: &Rest, plural: &str, id: &str) -> Result<HashMap<i64, Vec<Value>>, RestError> {
    let mut rows = HashMap::<i64, Vec<Value>>::new();
    for row in rest.collection(plural).await? {
        let id = row[id].as_i64().unwrap_or_default();
        rows.entry(id).or_default().push(row);
    }
    Ok(rows)
}

/// The services themselves, where they can be reached: what they count.
pub struct Processes {
    known: Vec<Counted>,
}

struct Counted {
    process: Process,
    rest: Rest,
    dead_letters_before: f64,
}

impl Processes {
    /// Looks before the load, to know afterwards what came of it.
    ///
    /// # Errors
    ///
    /// When one does not answer.
    pub async fn look(target: &Target) -> Result<Self, RestError> {
        let mut known = Vec::new();
        for (process, url) in target.processes() {
            if process == Process::Gateway {
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

    /// Events not sent yet, and events that nobody could take.
    ///
    /// # Errors
    ///
    /// When one does not answer.
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

/// The sum of a metric over its labels; 0 when there is none of that name yet.
///
/// # Errors
///
/// When the process does not answer.
pub async fn metric(rest: &Rest, name: &str) -> Result<f64, RestError> {
    let answer = rest.get("/metrics").await?;
    let text = answer.body.as_str().unwrap_or_default();
    Ok(sum_of(text, name))
}

/// Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
fn sum_of(text: &str, name: &str) -> f64 {
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest.strip_prefix('{').map_or(Some(rest), |rest| Some(rest.rsplit_once('}')?.1))?;
        value.strip_prefix(' ')?.trim().parse::<f64>().ok()
    });
    samples.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_not_mixed_up_with_its_neighbours() {
        let text = "# TYPE dead_letters counter\ndead_letters{a=\"x } y\"} 2\ndead_letters{a=\"z\"} 3\n\
                    dead_letters_total 7\n";
        assert!((sum_of(text, "dead_letters") - 5.0).abs() < f64::EPSILON);
        assert!((sum_of(text, "dead_letters_total") - 7.0).abs() < f64::EPSILON);
        assert!(sum_of(text, "outbox_unsent_events").abs() < f64::EPSILON);
    }
}
