//! All records of one booking, as the services keep them.
//!
//! Statuses are text, because a value that no service can read must be reported and not fail the audit. Times
//! are microseconds since the epoch, as in the databases, and `None` if the reader does not see them.

use events::text::{nfkc, stored_capitals, stored_key};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The statuses of a live booking, which keeps its seats.
pub const LIVE: [&str; 5] = ["PaymentPending", "Registered", "PaidComplete", "PrintComplete", "Canceling"];

/// All records of one booking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    pub booking_id: i64,
    pub booking: Option<BookingRow>,
    /// At most one in a right story.
    pub payments: Vec<PaymentRow>,
    /// At most one in a right story.
    pub tickets: Vec<TicketRow>,
    pub points: Vec<PointRow>,
    pub mypage: Option<MypageRow>,
    /// The lines of the provider's ledger, in their order. `None` if the reader does not see the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub movements: Option<Vec<MovementRow>>,
    /// `None` if the reader does not see claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Vec<ClaimRow>>,
    /// Other live bookings that have one of the seats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival>,
    /// Events about the booking that wait in an outbox.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<UnsentRow>,
}

/// A row of book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BookingRow {
    #[serde(skip)]
    pub booking_id: i64,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: i64,
    pub total_price: Option<i64>,
    pub name: String,
    pub customer_id: Option<i64>,
    pub screening_id: Option<i64>,
    /// The hall of the screening. `None` also if the reader does not see it.
    pub theatre: Option<String>,
    #[serde(serialize_with = "time")]
    pub starts_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub ends_at: Option<i64>,
    pub status: String,
    /// 1 if book has published `Held`. `None` if the reader does not see it.
    pub held_published: Option<i64>,
    #[serde(serialize_with = "time")]
    pub held_until: Option<i64>,
    #[serde(serialize_with = "time")]
    pub paying_until: Option<i64>,
    #[serde(serialize_with = "time")]
    pub created_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub updated_at: Option<i64>,
}

/// A row of payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRow {
    #[serde(skip)]
    pub booking_id: i64,
    pub id: i64,
    pub total_price: i64,
    pub status: String,
    /// The reference of the charge. `None` if the provider charged nothing, the payment is older than the
    /// provider, or the reader does not see it.
    pub reference: Option<String>,
    #[serde(serialize_with = "time")]
    pub created_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub updated_at: Option<i64>,
}

/// A line of the provider's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MovementRow {
    #[serde(skip)]
    pub booking_id: i64,
    pub seq: i64,
    pub reference: String,
    /// `charge` or `refund`.
    pub kind: String,
    pub amount: i64,
    pub currency: String,
    #[serde(serialize_with = "time")]
    pub created_at: Option<i64>,
}

/// A row of ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRow {
    #[serde(skip)]
    pub booking_id: i64,
    /// This and the next three are `None` in tickets of earlier versions.
    pub screening_id: Option<i64>,
    pub theatre: Option<String>,
    #[serde(serialize_with = "time")]
    pub starts_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub ends_at: Option<i64>,
    pub status: String,
    /// 0 if the row only records that no ticket may be issued.
    pub issued: i64,
    #[serde(serialize_with = "time")]
    pub created_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub updated_at: Option<i64>,
}

/// A row of point's ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PointRow {
    #[serde(skip)]
    pub booking_id: i64,
    pub id: i64,
    pub customer_id: Option<i64>,
    pub score: i64,
    pub contents: Option<String>,
    pub status: String,
    #[serde(serialize_with = "time")]
    pub created_at: Option<i64>,
}

/// A row of mypage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MypageRow {
    #[serde(skip)]
    pub booking_id: i64,
    /// 0 if the customer does not see the row: its booking was never made, or only later events have arrived.
    pub shown: i64,
    pub customer_id: Option<i64>,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: Option<i64>,
    pub price: Option<i64>,
    pub screening_id: Option<i64>,
    pub theatre: Option<String>,
    #[serde(serialize_with = "time")]
    pub starts_at: Option<i64>,
    #[serde(serialize_with = "time")]
    pub ends_at: Option<i64>,
    pub status: String,
    pub score: Option<i64>,
    pub ticket_id: Option<i64>,
    #[serde(serialize_with = "time")]
    pub updated_at: Option<i64>,
}

/// A seat that a booking claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRow {
    #[serde(skip)]
    pub booking_id: i64,
    pub place: String,
    pub seat: String,
}

/// Another live booking, and a seat that both have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rival {
    pub booking_id: i64,
    pub seat: String,
}

/// An event in the outbox of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnsentRow {
    pub service: &'static str,
    pub event: String,
    #[serde(serialize_with = "time")]
    pub occurred_at: Option<i64>,
}

impl Story {
    pub fn of(booking_id: i64) -> Self {
        Self { booking_id, ..Self::default() }
    }

    /// The status of the booking, or the empty text if there is no booking.
    pub fn status(&self) -> &str {
        self.booking.as_ref().map_or("", |booking| booking.status.as_str())
    }

    /// The status of the booking, for a person.
    pub fn status_text(&self) -> &str {
        if self.status().is_empty() { "missing" } else { self.status() }
    }

    pub fn is_live(&self) -> bool {
        LIVE.contains(&self.status())
    }

    /// Whether the booking is confirmed: paid, and not being canceled.
    pub fn is_confirmed(&self) -> bool {
        ["Registered", "PaidComplete", "PrintComplete"].contains(&self.status())
    }

    /// The payment. A tombstone does not count.
    pub fn payment(&self) -> Option<&PaymentRow> {
        self.payments.iter().find(|payment| payment.status != "Voided")
    }

    /// The issued ticket, valid or void.
    pub fn ticket(&self) -> Option<&TicketRow> {
        self.tickets.iter().find(|ticket| ticket.issued != 0)
    }

    pub fn ticket_is(&self, statuses: &[&str]) -> bool {
        self.ticket().is_some_and(|ticket| statuses.contains(&ticket.status.as_str()))
    }

    pub fn payment_is(&self, status: &str) -> bool {
        self.payment().is_some_and(|payment| payment.status == status)
    }

    /// The row that the customer sees, if any.
    pub fn shown(&self) -> Option<&MypageRow> {
        self.mypage.as_ref().filter(|row| row.shown != 0)
    }

    /// Whether any service has a row about the booking. The provider is not a service.
    pub fn is_known(&self) -> bool {
        self.booking.is_some()
            || self.mypage.is_some()
            || !(self.payments.is_empty() && self.tickets.is_empty() && self.points.is_empty())
            || self.claims.iter().flatten().next().is_some()
    }

    /// The seats of the booking, in the form in which they are claimed.
    pub fn seats(&self) -> Vec<String> {
        let list = self.booking.as_ref().and_then(|booking| booking.seat.as_deref()).unwrap_or_default();
        seats_of(list)
    }

    /// The place in which the booking claims its seats: its screening, or without one its movie in any
    /// spelling.
    pub fn place(&self) -> Option<String> {
        let booking = self.booking.as_ref()?;
        Some(match booking.screening_id {
            Some(screening) => format!("screening:{screening}"),
            None => format!("movie:{}", stored_key(booking.movie_name.as_deref().unwrap_or_default())),
        })
    }

    /// The time of the latest change to any record, as far as the reader sees it.
    pub fn last_change(&self) -> Option<Timestamp> {
        let booking = self.booking.iter().map(|row| row.updated_at);
        let payments = self.payments.iter().map(|row| row.updated_at);
        let tickets = self.tickets.iter().map(|row| row.updated_at);
        let points = self.points.iter().map(|row| row.created_at);
        let mypage = self.mypage.iter().map(|row| row.updated_at);
        let movements = self.movements.iter().flatten().map(|row| row.created_at);
        let times = booking.chain(movements).chain(payments).chain(tickets).chain(points).chain(mypage);
        times.flatten().max().and_then(|latest| Timestamp::from_microsecond(latest).ok())
    }
}

/// The seats of a list, in the form in which they are claimed.
pub fn seats_of(list: &str) -> Vec<String> {
    nfkc(list).split(',').map(stored_capitals).filter(|seat| !seat.is_empty()).collect()
}

fn time<S: Serializer>(microsecond: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    microsecond.and_then(|microsecond| Timestamp::from_microsecond(microsecond).ok()).serialize(serializer)
}

#[cfg(test)]
impl BookingRow {
    /// Booking 7, which costs 700 and has neither a screening nor a customer.
    pub fn of_nobody(status: &str) -> Self {
        Self {
            booking_id: 7,
            movie_name: None,
            seat: None,
            qty: 1,
            total_price: Some(700),
            name: "CGV".to_owned(),
            customer_id: None,
            screening_id: None,
            theatre: None,
            starts_at: None,
            ends_at: None,
            status: status.to_owned(),
            held_published: None,
            held_until: None,
            paying_until: None,
            created_at: Some(0),
            updated_at: Some(0),
        }
    }
}
