//! An audit by the services' REST interface, which needs no access to their databases.
//!
//! REST shows neither claims of seats, nor times, nor the outboxes, nor rows that customers do not see. The
//! report lists what the audit could not see. As no row has the time of its last change, a booking that looks
//! wrong is read again after a pause, and reported if it has not changed.

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

/// Maximum duration of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of rows in a page.
const PAGE: u64 = 100;
/// Maximum number of rows of a collection, per booking to read. A right booking has up to two rows of points.
const ROWS_A_BOOKING: u64 = 4;
/// Number of bookings that are read again at the same time.
const AT_ONCE: usize = 8;
/// Maximum number of bookings that are read again. Violations of others are counted at once.
const READ_AGAIN_MAX: usize = 1_000;

/// A client of the five services.
#[derive(Clone, Debug)]
pub struct Rest {
    client: Client,
    bases: [String; 5],
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("no response to GET {url}")]
    NoResponse {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("GET {url} returned {status}")]
    Refused { url: String, status: u16 },
}

/// A collection, in the order of the addresses of [`Rest::new`].
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

    /// The field with the booking of a row.
    fn key(self) -> &'static str {
        match self {
            Self::Books => "id",
            _ => "bookingId",
        }
    }
}

impl Rest {
    /// `bases` are the addresses of book, payment, ticket, point and mypage; all five may be that of the
    /// gateway.
    pub fn new(bases: [String; 5]) -> Self {
        let client = Client::builder()
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without TLS can be built");
        Self { client, bases: bases.map(|base| base.trim_end_matches('/').to_owned()) }
    }

    /// Audits the first `limit` bookings, which are read in pages.
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
                    () if suspects.len() < READ_AGAIN_MAX => suspects.push(outline(story)),
                    () => report.tally(&violations),
                }
            }
        }
        report.not_seen = not_seen(limit, walk.is_all());
        if !suspects.is_empty() {
            sleep(terms.settle).await;
            self.check_again(suspects, clock, terms, &mut report).await?;
        }
        Ok(report)
    }

    /// Reads the suspects once more and reports what is still wrong: the first time, their rows were read at
    /// different moments.
    async fn check_again(
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

    /// Reads the current story of one booking.
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

    /// Reads `path`, or returns `None` if it does not exist.
    async fn get(&self, of: Of, path: &str) -> Result<Option<Value>, RestError> {
        let url = format!("{}{path}", self.bases[of as usize]);
        let no_response = |source| RestError::NoResponse { url: url.clone(), source };
        let response = self.client.get(&url).send().await.map_err(no_response)?;
        match response.status().as_u16() {
            200 => response.json().await.map(Some).map_err(no_response),
            404 => Ok(None),
            status => Err(RestError::Refused { url, status }),
        }
    }
}

fn not_seen(limit: u64, is_all: bool) -> Vec<String> {
    let mut lines = vec![
        "claims of seats, and the places left at screenings".to_owned(),
        "events in the outboxes, and expired holds".to_owned(),
        "the charges and refunds of the payment provider, and the age of refunds under way".to_owned(),
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
