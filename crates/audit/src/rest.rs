//! The stories by the services' REST interface, where there is no access to their databases.
//!
//! REST shows less: neither claims of seats, nor times, nor what waits in the outboxes, nor what was never more than a
//! memory (tickets barred, events before their booking). What is left out is told in the report. As no row says when it was
//! written, what seems wrong is looked at twice, with a pause between: what is still wrong then is.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use reqwest::Client;
use serde_json::Value;
use tokio::time::sleep;

use crate::compare::{Clock, violations_of};
use crate::report::{Report, Terms};
use crate::story::{BookingRow, MypageRow, PaymentRow, PointRow, Story, TicketRow};

/// Longest for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest page a collection gives.
const PAGE: u64 = 100;
/// Rows read of one collection for each booking that is read, at most: two is what a right one has in the ledger.
const ROWS_A_BOOKING: u64 = 4;
/// Bookings that seem wrong are read again so many at once, and so many in all; the rest is told as it seems.
const AT_ONCE: usize = 8;
const SECOND_LOOKS: usize = 1_000;

/// Where the five services answer: five addresses, or five times the gateway's.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    bases: [String; 5],
}

/// A call without an answer, or with one that says nothing.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("no answer to GET {url}")]
    NoAnswer {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("GET {url} was answered {status}")]
    Refused { url: String, status: u16 },
}

/// A collection, in the order of [`Rest::new`]'s addresses.
#[derive(Clone, Copy)]
enum Of {
    Books,
    Payments,
    Tickets,
    Points,
    Mypages,
}

impl Of {
    fn plural(self) -> &'static str {
        match self {
            Self::Books => "books",
            Self::Payments => "payments",
            Self::Tickets => "tickets",
            Self::Points => "points",
            Self::Mypages => "mypages",
        }
    }

    /// What a row of it calls its booking.
    fn key(self) -> &'static str {
        match self {
            Self::Books => "id",
            _ => "bookingId",
        }
    }
}

impl Rest {
    /// The addresses of book, payment, ticket, point and mypage.
    pub fn new(bases: [String; 5]) -> Self {
        let client = Client::builder()
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without TLS has nothing to fail on");
        Self { client, bases: bases.map(|base| base.trim_end_matches('/').to_owned()) }
    }

    /// Reads the first `limit` bookings and what belongs to them, and tells what is wrong.
    ///
    /// # Errors
    ///
    /// When a service does not answer.
    pub async fn audit(&self, terms: Terms, limit: u64) -> Result<Report, RestError> {
        let clock = Clock::new(terms.settle);
        let (stories, is_all) = self.stories(limit).await?;
        let mut report = Report { bookings: stories.len() as u64, ..Report::default() };
        report.not_seen = not_seen(limit, is_all);
        let suspects: Vec<Story> =
            stories.into_values().filter(|story| !violations_of(story, clock).is_empty()).collect();
        if suspects.is_empty() {
            return Ok(report);
        }
        sleep(terms.settle).await;
        let mut again = HashMap::new();
        for chunk in suspects[..suspects.len().min(SECOND_LOOKS)].chunks(AT_ONCE) {
            let stories = try_join_all(chunk.iter().map(|story| self.story(story.booking_id))).await?;
            again.extend(stories.into_iter().map(|story| (story.booking_id, story)));
        }
        for suspect in suspects {
            let story = again.remove(&suspect.booking_id).unwrap_or_else(|| suspect.clone());
            let violations = violations_of(&story, clock);
            match () {
                () if violations.is_empty() => {}
                () if story != suspect => report.in_flight += 1,
                () => report.add(story, violations, terms),
            }
        }
        Ok(report)
    }

    /// The first stories, and whether these are all.
    async fn stories(&self, limit: u64) -> Result<(BTreeMap<i64, Story>, bool), RestError> {
        let books = self.collection(Of::Books, limit).await?;
        let is_all = (books.len() as u64) < limit;
        let last = if is_all { i64::MAX } else { books.last().map_or(0, |row| id(row, "id")) };
        let mut stories = BTreeMap::<i64, Story>::new();
        for row in &books {
            let booking_id = id(row, "id");
            stories.entry(booking_id).or_insert_with(|| Story::of(booking_id)).booking = Some(booking(row));
        }
        for of in [Of::Payments, Of::Tickets, Of::Points, Of::Mypages] {
            for row in self.collection(of, limit.saturating_mul(ROWS_A_BOOKING)).await? {
                let booking_id = id(&row, of.key());
                if booking_id <= last {
                    let story = stories.entry(booking_id).or_insert_with(|| Story::of(booking_id));
                    add(story, of, &row);
                }
            }
        }
        Ok((stories, is_all))
    }

    /// One story, as it is now.
    async fn story(&self, booking_id: i64) -> Result<Story, RestError> {
        let mut story = Story::of(booking_id);
        if let Some(row) = self.get(Of::Books, &format!("/books/{booking_id}")).await? {
            story.booking = Some(booking(&row));
        }
        for of in [Of::Payments, Of::Tickets, Of::Points, Of::Mypages] {
            let plural = of.plural();
            let path = format!("/{plural}/search/findByBookingId?bookingId={booking_id}");
            let rows = self.get(of, &path).await?.unwrap_or_default();
            for row in rows["_embedded"][plural].as_array().into_iter().flatten() {
                add(&mut story, of, row);
            }
        }
        Ok(story)
    }

    /// The first `limit` rows of a collection.
    async fn collection(&self, of: Of, limit: u64) -> Result<Vec<Value>, RestError> {
        let mut rows = Vec::new();
        let (mut after, size) = (0, PAGE.min(limit));
        while (rows.len() as u64) < limit {
            let path = format!("/{}?after={after}&size={size}", of.plural());
            let mut body = self.get(of, &path).await?.unwrap_or_default();
            let Value::Array(more) = body["_embedded"][of.plural()].take() else {
                break;
            };
            // A service that does not know `after` answers the same page again.
            let Some(last) = more.last().map(|row| id(row, "id")).filter(|last| *last > after) else {
                break;
            };
            let is_last = (more.len() as u64) < size;
            rows.extend(more);
            if is_last {
                break;
            }
            after = last;
        }
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// `None`: there is no such thing.
    async fn get(&self, of: Of, path: &str) -> Result<Option<Value>, RestError> {
        let url = format!("{}{path}", self.bases[of as usize]);
        let no_answer = |source| RestError::NoAnswer { url: url.clone(), source };
        let answer = self.client.get(&url).send().await.map_err(no_answer)?;
        match answer.status().as_u16() {
            200 => answer.json().await.map(Some).map_err(no_answer),
            404 => Ok(None),
            status => Err(RestError::Refused { url, status }),
        }
    }
}

fn not_seen(limit: u64, is_all: bool) -> Vec<String> {
    let mut lines = vec![
        "which seats are kept for whom, and the places left at screenings".to_owned(),
        "events that wait in the outboxes, and holds that have run out".to_owned(),
        "what the payment provider charged and refunded".to_owned(),
    ];
    if !is_all {
        lines.push(format!("bookings after the first {limit}"));
    }
    lines
}

fn add(story: &mut Story, of: Of, row: &Value) {
    match of {
        Of::Books => story.booking = Some(booking(row)),
        Of::Payments => story.payments.push(payment(row)),
        Of::Tickets => story.tickets.push(ticket(row)),
        Of::Points => story.points.push(point(row)),
        Of::Mypages => story.mypage = Some(mypage(row)),
    }
}

fn id(row: &Value, name: &str) -> i64 {
    row[name].as_i64().unwrap_or_default()
}

fn text(row: &Value, name: &str) -> Option<String> {
    row[name].as_str().map(str::to_owned)
}

fn time(row: &Value, name: &str) -> Option<i64> {
    row[name].as_str()?.parse().ok().map(Timestamp::as_microsecond)
}

fn status(row: &Value) -> String {
    text(row, "status").unwrap_or_default()
}

fn booking(row: &Value) -> BookingRow {
    BookingRow {
        booking_id: id(row, "id"),
        movie_name: text(row, "movieName"),
        seat: text(row, "seat"),
        qty: id(row, "qty"),
        total_price: row["totalPrice"].as_i64(),
        name: text(row, "name").unwrap_or_default(),
        customer_id: row["customerId"].as_i64(),
        screening_id: row["screeningId"].as_i64(),
        theatre: None,
        starts_at: None,
        ends_at: None,
        status: status(row),
        held_published: None,
        held_until: None,
        paying_until: None,
        created_at: None,
        updated_at: None,
    }
}

fn payment(row: &Value) -> PaymentRow {
    PaymentRow {
        booking_id: id(row, "bookingId"),
        id: id(row, "id"),
        total_price: id(row, "totalPrice"),
        status: status(row),
        reference: None,
        created_at: None,
        updated_at: None,
    }
}

fn ticket(row: &Value) -> TicketRow {
    TicketRow {
        booking_id: id(row, "bookingId"),
        screening_id: row["screeningId"].as_i64(),
        theatre: text(row, "theatre"),
        starts_at: time(row, "startsAt"),
        ends_at: time(row, "endsAt"),
        status: status(row),
        issued: 1,
        created_at: None,
        updated_at: None,
    }
}

fn point(row: &Value) -> PointRow {
    PointRow {
        booking_id: id(row, "bookingId"),
        id: id(row, "id"),
        customer_id: row["customerId"].as_i64(),
        score: id(row, "score"),
        contents: text(row, "contents"),
        status: status(row),
        created_at: None,
    }
}

fn mypage(row: &Value) -> MypageRow {
    MypageRow {
        booking_id: id(row, "bookingId"),
        shown: 1,
        customer_id: row["customerId"].as_i64(),
        movie_name: text(row, "movieName"),
        seat: text(row, "seat"),
        qty: row["qty"].as_i64(),
        price: row["price"].as_i64(),
        screening_id: row["screeningId"].as_i64(),
        theatre: text(row, "theatre"),
        starts_at: time(row, "startsAt"),
        ends_at: time(row, "endsAt"),
        status: status(row),
        score: row["score"].as_i64(),
        ticket_id: row["ticketId"].as_i64(),
        updated_at: None,
    }
}
