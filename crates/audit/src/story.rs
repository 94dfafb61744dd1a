//! All that is known of one booking, as the services keep it.
//!
//! Statuses are text, as they stand in the rows: what a service could not read must be told, not be stumbled over. Times are
//! microseconds since the epoch, as in the databases; `None` where the reader does not see them.

use events::text::{nfkc, stored_capitals, stored_key};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The statuses of a booking that has, or may get, its seats.
pub const LIVE: [&str; 5] = ["PaymentPending", "Registered", "PaidComplete", "PrintComplete", "Canceling"];

/// One booking, by all services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    pub booking_id: i64,
    pub booking: Option<BookingRow>,
    /// At most one, if all is well; so are the tickets.
    pub payments: Vec<PaymentRow>,
    pub tickets: Vec<TicketRow>,
    pub points: Vec<PointRow>,
    pub mypage: Option<MypageRow>,
    /// What the provider charged and refunded for it, in the order it happened. `None`: the reader does not see the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub movements: Option<Vec<MovementRow>>,
    /// `None`: the reader does not see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Vec<ClaimRow>>,
    /// Other bookings that live and have one of its seats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival>,
    /// Events about it that have not left their service yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<UnsentRow>,
}

/// Declares the rows that all have a booking and, if they are read from a database, its columns.
macro_rules! rows {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[cfg_attr(feature = "databases", derive(sqlx::FromRow))]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            #[serde(skip)]
            pub booking_id: i64,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl OfBooking for $name {
            fn booking_id(&self) -> i64 {
                self.booking_id
            }
        }
    )*};
}

/// A row that is about one booking.
pub trait OfBooking {
    fn booking_id(&self) -> i64;
}

rows! {
    /// What book keeps.
    pub struct BookingRow {
        pub movie_name: Option<String>,
        pub seat: Option<String>,
        pub qty: i64,
        pub total_price: Option<i64>,
        pub name: String,
        pub customer_id: Option<i64>,
        pub screening_id: Option<i64>,
        /// As the programme says; `None` where the reader does not see it, too.
        pub theatre: Option<String>,
        #[serde(serialize_with = "time")]
        pub starts_at: Option<i64>,
        #[serde(serialize_with = "time")]
        pub ends_at: Option<i64>,
        pub status: String,
        /// 1 if the others were told that it is held; `None` where the reader does not see it.
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

    /// What payment keeps.
    pub struct PaymentRow {
        pub id: i64,
        pub total_price: i64,
        pub status: String,
        /// The provider's charge. `None`: there is none, the payment is from before there was a provider, or the reader does
        /// not see it.
        pub reference: Option<String>,
        #[serde(serialize_with = "time")]
        pub created_at: Option<i64>,
        #[serde(serialize_with = "time")]
        pub updated_at: Option<i64>,
    }

    /// A line of the provider's ledger.
    pub struct MovementRow {
        pub seq: i64,
        pub reference: String,
        /// `charge` or `refund`.
        pub kind: String,
        pub amount: i64,
        pub currency: String,
        #[serde(serialize_with = "time")]
        pub created_at: Option<i64>,
    }

    /// What ticket keeps.
    pub struct TicketRow {
        /// This and the next three are missing in tickets from before they named their screening.
        pub screening_id: Option<i64>,
        pub theatre: Option<String>,
        #[serde(serialize_with = "time")]
        pub starts_at: Option<i64>,
        #[serde(serialize_with = "time")]
        pub ends_at: Option<i64>,
        pub status: String,
        /// 0 for the memory that no ticket is to be made.
        pub issued: i64,
        #[serde(serialize_with = "time")]
        pub created_at: Option<i64>,
        #[serde(serialize_with = "time")]
        pub updated_at: Option<i64>,
    }

    /// A row of point's ledger.
    pub struct PointRow {
        pub id: i64,
        pub customer_id: Option<i64>,
        pub score: i64,
        pub contents: Option<String>,
        pub status: String,
        #[serde(serialize_with = "time")]
        pub created_at: Option<i64>,
    }

    /// What mypage shows.
    pub struct MypageRow {
        /// 0 for what its customer does not see: events that came before their booking, and what never came to be.
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

    /// A seat that is kept for a booking.
    pub struct ClaimRow {
        pub place: String,
        pub seat: String,
    }
}

/// Another booking that lives, and one of its seats that is this booking's too.
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

    /// The booking's status; empty where there is no booking.
    pub fn status(&self) -> &str {
        self.booking.as_ref().map_or("", |booking| booking.status.as_str())
    }

    pub fn is_live(&self) -> bool {
        LIVE.contains(&self.status())
    }

    /// Booked and paid, and nobody has asked to cancel.
    pub fn stands(&self) -> bool {
        ["Registered", "PaidComplete", "PrintComplete"].contains(&self.status())
    }

    /// The payment that counts; tombstones are none.
    pub fn payment(&self) -> Option<&PaymentRow> {
        self.payments.iter().find(|payment| payment.status != "Voided")
    }

    /// The ticket that was made, void or not.
    pub fn ticket(&self) -> Option<&TicketRow> {
        self.tickets.iter().find(|ticket| ticket.issued != 0)
    }

    pub fn ticket_is(&self, statuses: &[&str]) -> bool {
        self.ticket().is_some_and(|ticket| statuses.contains(&ticket.status.as_str()))
    }

    pub fn payment_is(&self, status: &str) -> bool {
        self.payment().is_some_and(|payment| payment.status == status)
    }

    /// What its customer sees of it, if anything.
    pub fn shown(&self) -> Option<&MypageRow> {
        self.mypage.as_ref().filter(|row| row.shown != 0)
    }

    /// Whether any service has a row about it. The provider is none.
    pub fn is_known(&self) -> bool {
        self.booking.is_some()
            || self.mypage.is_some()
            || !(self.payments.is_empty() && self.tickets.is_empty() && self.points.is_empty())
            || self.claims.iter().flatten().next().is_some()
    }

    /// The seats of its booking, each in the form in which it is claimed.
    pub fn seats(&self) -> Vec<String> {
        let list = self.booking.as_ref().and_then(|booking| booking.seat.as_deref()).unwrap_or_default();
        seats_of(list)
    }

    /// Where its seats are its own: a screening or, without one, a movie in any spelling.
    pub fn place(&self) -> Option<String> {
        let booking = self.booking.as_ref()?;
        Some(match booking.screening_id {
            Some(screening) => format!("screening:{screening}"),
            None => format!("movie:{}", stored_key(booking.movie_name.as_deref().unwrap_or_default())),
        })
    }

    /// When the last of its rows was written, as far as the reader sees it.
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

/// The seats of a list, each in the form in which it is claimed.
pub fn seats_of(list: &str) -> Vec<String> {
    nfkc(list).split(',').map(stored_capitals).filter(|seat| !seat.is_empty()).collect()
}

fn time<S: Serializer>(microsecond: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    microsecond.and_then(|microsecond| Timestamp::from_microsecond(microsecond).ok()).serialize(serializer)
}

#[cfg(test)]
impl BookingRow {
    /// Booking 7, of 700, without a screening and a known customer.
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
