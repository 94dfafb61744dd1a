//! The stories by the services' REST interface, where there is no access to their databases.
//!
//! REST shows less: neither claims of seats, nor times, nor what waits in the outboxes, nor what was never more than a
//! memory (tickets barred, events before their booking). What is left out is told in the report. As no row says when it was
//! written, what seems wrong is looked at twice, with a pause between: what is still wrong then is.

mod walk;

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use reqwest::Client;
use serde_json::Value;
use tokio::time::sleep;

use crate::clock::Clock;
use crate::compare::violations_of;
use crate::report::{Report, Terms};
use crate::rest::walk::{Walk, outline};
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

    /// Reads the first `limit` bookings and what belongs to them, a page at a time, and tells what is wrong.
    ///
    /// # Errors
    ///
    /// When a service does not answer.
    pub async fn audit(&self, terms: Terms, limit: u64) -> Result<Report, RestError> {
        let clock = Clock::new(terms.settle);
        let mut report = Report::default();
        let mut suspects = Vec::new();
        let mut walk = Walk::begin(self, limit).await?;
        while let Some(stories) = walk.next().await? {
            for story in stories {
                report.count(&story, terms);
                let violations = violations_of(&story, clock);
                match () {
                    () if violations.is_empty() => {}
                    () if suspects.len() < SECOND_LOOKS => suspects.push(outline(story)),
                    () => report.tally(&violations),
                }
            }
        }
        report.not_seen = not_seen(limit, walk.is_all());
        if !suspects.is_empty() {
            sleep(terms.settle).await;
            self.look_again(suspects, clock, terms, &mut report).await?;
        }
        Ok(report)
    }

    /// What seemed wrong may only have been read at two moments; so it is read once more, whole.
    async fn look_again(
        &self,
        suspects: Vec<Story>,
        clock: Clock,
        terms: Terms,
        report: &mut Report,
    ) -> Result<(), RestError> {
        for suspects in suspects.chunks(AT_ONCE) {
            let stories = try_join_all(suspects.iter().map(|story| self.story(story.booking_id))).await?;
            for (story, suspect) in stories.into_iter().zip(suspects) {
                let violations = violations_of(&story, clock);
                match () {
                    () if violations.is_empty() => {}
                    () if outline(story.clone()) != *suspect => report.in_flight += 1,
                    () => report.add(story, violations, terms),
                }
            }
        }
        Ok(())
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
        "what the payment provider charged and refunded, and for how long refunds have been under way"
            .to_owned(),
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
