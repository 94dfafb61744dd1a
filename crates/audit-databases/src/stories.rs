//! Complete stories of a few bookings: with their unsent events, and with the other bookings that have their
//! seats.

use std::collections::{BTreeMap, HashSet};

use audit::Story;
use audit::story::{BookingRow, ClaimRow, MypageRow, PaymentRow, PointRow, Rival, TicketRow, seats_of};
use events::text::stored_key;
use sqlx::FromRow;
use storage::{Db, Error, Row, query_as, query_as_built};

use crate::databases::Databases;
use crate::rows::{Stored, add_rows, story_of};
use crate::select::select;
use crate::{ledger, unsent};

/// Maximum number of stories that one call reads.
pub const AT_ONCE: usize = 500;
/// Maximum number of bookings of one place that are searched for a seat.
const RIVALS_MAX: i64 = 10_000;

/// Reads the current story of one booking.
///
/// # Errors
///
/// When a database is unreachable, or lacks the tables of this version.
pub async fn story(databases: &Databases, booking_id: i64) -> Result<Story, Error> {
    let mut stories = read(databases, &[booking_id]).await?;
    Ok(stories.pop().unwrap_or_else(|| Story::of(booking_id)))
}

/// Reads the stories of the bookings `ids`. A booking without any row is left out.
pub async fn read(databases: &Databases, ids: &[i64]) -> Result<Vec<Story>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let Databases { book, payment, ticket, point, mypage, provider } = databases;
    let mut stories = BTreeMap::new();
    let claims = format!("{} WHERE booking_id IN ({list})", select!(claims));
    add_rows(&mut stories, all::<ClaimRow>(book, claims).await?);
    let bookings = format!("{} WHERE id IN ({list})", select!(bookings));
    add_rows(&mut stories, all::<BookingRow>(book, bookings).await?);
    let payments = format!("{} WHERE booking_id IN ({list}) ORDER BY id", select!(payments));
    add_rows(&mut stories, all::<PaymentRow>(payment, payments).await?);
    let tickets = format!("{} WHERE booking_id IN ({list})", select!(tickets));
    add_rows(&mut stories, all::<TicketRow>(ticket, tickets).await?);
    let points = format!("{} WHERE booking_id IN ({list}) ORDER BY id", select!(points));
    add_rows(&mut stories, all::<PointRow>(point, points).await?);
    let mypages = format!("{} WHERE booking_id IN ({list})", select!(mypages));
    add_rows(&mut stories, all::<MypageRow>(mypage, mypages).await?);
    for (id, event) in unsent::of(databases, ids).await? {
        story_of(&mut stories, id).unsent.push(event);
    }
    if let Some(provider) = provider {
        ledger::add(provider, &mut stories, ids).await?;
    }
    for story in stories.values_mut().filter(|story| lacks_a_claim(story)) {
        story.rivals = rivals(book, story).await?;
    }
    Ok(stories.into_values().collect())
}

/// All rows of `select`, which is built from literals and numbers.
async fn all<T>(db: &Db, select: String) -> Result<Vec<T>, Error>
where
    Stored<T>: for<'r> FromRow<'r, Row> + Send + Unpin,
{
    let rows = db.read().await?.fetch_all(query_as_built::<Stored<T>>(select)).await?;
    Ok(rows.into_iter().map(|Stored(row)| row).collect())
}

fn lacks_a_claim(story: &Story) -> bool {
    let claims = story.claims.iter().flatten().filter(|claim| Some(&claim.place) == story.place().as_ref());
    let claimed: HashSet<&str> = claims.map(|claim| claim.seat.as_str()).collect();
    story.is_live() && story.seats().iter().any(|seat| !claimed.contains(seat.as_str()))
}

/// Other live bookings that have a seat of `story`. Claims rule out such bookings, so this is read only for a
/// booking that lacks a claim.
async fn rivals(book: &Db, story: &Story) -> Result<Vec<Rival>, Error> {
    let Some(booking) = &story.booking else {
        return Ok(Vec::new());
    };
    let others = query_as::<(i64, String)>(
        "SELECT id, seat FROM bookings
         WHERE id <> $1 AND seat IS NOT NULL
             AND status IN ('PaymentPending', 'Registered', 'PaidComplete', 'PrintComplete', 'Canceling')
             AND COALESCE(screening_id, 0) = $2 AND (screening_id IS NOT NULL OR COALESCE(movie_key, '') = $3)
         ORDER BY id LIMIT $4",
    )
    .bind(story.booking_id)
    .bind(booking.screening_id.unwrap_or_default())
    .bind(stored_key(booking.movie_name.as_deref().unwrap_or_default()))
    .bind(RIVALS_MAX);
    let others = book.read().await?.fetch_all(others).await?;
    let own = story.seats();
    let rivals = others.iter().flat_map(|(booking_id, seats)| {
        let shared = seats_of(seats).into_iter().filter(|seat| own.contains(seat));
        shared.map(|seat| Rival { booking_id: *booking_id, seat })
    });
    Ok(rivals.collect())
}
