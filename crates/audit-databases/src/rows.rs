//! Reads the rows of a story from a database.

use std::collections::BTreeMap;

use audit::Story;
use audit::story::{BookingRow, ClaimRow, MypageRow, PaymentRow, PointRow, TicketRow};
use sqlx::{FromRow, Row as _};
use storage::Row;

/// A row of the crate `audit`, which knows no database, as a query returns it.
pub struct Stored<T>(pub T);

/// A row that belongs to one booking.
pub trait OfBooking {
    fn booking_id(&self) -> i64;

    fn add_to(self, story: &mut Story);
}

/// Reads each field from the column of its name. The function adds a row to its booking's story.
macro_rules! stored {
    ($($row:ident { $($field:ident),* $(,)? } $add:expr;)*) => {$(
        impl<'r> FromRow<'r, Row> for Stored<$row> {
            fn from_row(row: &'r Row) -> sqlx::Result<Self> {
                Ok(Self($row { $($field: row.try_get(stringify!($field))?,)* }))
            }
        }

        impl OfBooking for $row {
            fn booking_id(&self) -> i64 {
                self.booking_id
            }

            fn add_to(self, story: &mut Story) {
                let add: fn(&mut Story, Self) = $add;
                add(story, self);
            }
        }
    )*};
}

stored! {
    BookingRow {
        booking_id, movie_name, seat, qty, total_price, name, customer_id, screening_id, theatre, starts_at, ends_at,
        status, held_published, held_until, paying_until, created_at, updated_at,
    } |story, row| story.booking = Some(row);
    PaymentRow { booking_id, id, total_price, status, reference, created_at, updated_at } |story, row| story.payments.push(row);
    TicketRow {
        booking_id, screening_id, theatre, starts_at, ends_at, status, issued, created_at, updated_at,
    } |story, row| story.tickets.push(row);
    PointRow { booking_id, id, customer_id, score, contents, status, created_at } |story, row| story.points.push(row);
    MypageRow {
        booking_id, shown, customer_id, movie_name, seat, qty, price, screening_id, theatre, starts_at, ends_at, status,
        score, ticket_id, updated_at,
    } |story, row| story.mypage = Some(row);
    ClaimRow { booking_id, place, seat } |story, row| story.claims.get_or_insert_default().push(row);
}

/// The story of a booking among `stories`, which is added if there is none. Its list of claims is empty and
/// not `None`, because an audit of the databases reads claims.
pub fn story_of(stories: &mut BTreeMap<i64, Story>, booking_id: i64) -> &mut Story {
    let empty = || Story { claims: Some(Vec::new()), ..Story::of(booking_id) };
    stories.entry(booking_id).or_insert_with(empty)
}

/// Adds each row to the story of its booking.
pub fn add_rows<T: OfBooking>(stories: &mut BTreeMap<i64, Story>, rows: impl IntoIterator<Item = T>) {
    for row in rows {
        let booking_id = row.booking_id();
        row.add_to(story_of(stories, booking_id));
    }
}
