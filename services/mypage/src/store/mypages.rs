//! Writes the table `mypages` and its shadow.

use std::fmt::Display;

use events::{BookingId, CustomerId, Screening, ScreeningId, TicketId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{Error, MAX_VALUES, Tx, query_as_built, query_built};

use super::View;
use crate::domain::{Mypage, Order};

/// A row of `mypages`.
#[derive(FromRow)]
pub(super) struct MypageRow {
    pub(super) booking_id: i64,
    booked: i64,
    held: i64,
    held_until: Option<i64>,
    given_up: i64,
    ending: Option<String>,
    refunded: i64,
    customer_id: Option<i64>,
    movie_name: Option<String>,
    seat: Option<String>,
    qty: Option<i64>,
    price: Option<i64>,
    screening_id: Option<i64>,
    theatre: Option<String>,
    hall: Option<String>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    status: String,
    score: Option<i64>,
    ticket_id: Option<i64>,
    updated_at: i64,
}

/// The rows of the bookings in `unknown`, locked until `tx` ends. Inserts those that do not exist. `unknown`
/// is sorted by booking, so that two transactions that lock the same rows do not deadlock.
pub async fn find_or_insert_for_update(
    tx: &mut Tx,
    view: View,
    unknown: &[Mypage],
) -> Result<Vec<Mypage>, Error> {
    const BOUND: usize = 4;
    let mut known = Vec::with_capacity(unknown.len());
    for rows in unknown.chunks(MAX_VALUES / BOUND) {
        // The update changes nothing. It locks an existing row and has RETURNING return it.
        let mut lock = query_as_built(format!(
            concat!(
                "INSERT INTO {} AS known (booking_id, booked, status, updated_at) VALUES {}
                 ON CONFLICT (booking_id) DO UPDATE SET booked = known.booked
                 RETURNING ",
                mypage_columns!("")
            ),
            view.mypages(),
            tx.values(rows.len(), BOUND)
        ));
        for mypage in rows {
            lock = lock
                .bind(mypage.booking_id.get())
                .bind(i64::from(mypage.booked))
                .bind(mypage.progress.to_string())
                .bind(mypage.updated_at.as_microsecond());
        }
        for row in tx.fetch_all(lock).await? {
            known.push(restore(row)?);
        }
    }
    Ok(known)
}

/// Stores `mypages` in rows that exist and are locked.
pub async fn update(tx: &mut Tx, view: View, mypages: &[Mypage]) -> Result<(), Error> {
    const BOUND: usize = 22;
    for rows in mypages.chunks(MAX_VALUES / BOUND) {
        // Every row exists. It is an insert because an insert takes many rows.
        let mut update = query_built(format!(
            concat!(
                "INSERT INTO {} (",
                mypage_columns!(""),
                ", shown)
                 VALUES {}
                 ON CONFLICT (booking_id) DO UPDATE SET booked = excluded.booked, held = excluded.held,
                     held_until = excluded.held_until, given_up = excluded.given_up, ending = excluded.ending,
                     refunded = excluded.refunded, customer_id = excluded.customer_id,
                     movie_name = excluded.movie_name, seat = excluded.seat, qty = excluded.qty,
                     price = excluded.price, screening_id = excluded.screening_id, theatre = excluded.theatre,
                     hall = excluded.hall, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                     status = excluded.status, score = excluded.score, ticket_id = excluded.ticket_id,
                     updated_at = excluded.updated_at, shown = excluded.shown"
            ),
            view.mypages(),
            tx.values(rows.len(), BOUND)
        ));
        for mypage in rows {
            let order = mypage.order.clone().unwrap_or_default();
            update = update
                .bind(mypage.booking_id.get())
                .bind(i64::from(mypage.booked))
                .bind(i64::from(mypage.held))
                .bind(mypage.held_until.map(Timestamp::as_microsecond))
                .bind(i64::from(mypage.given_up))
                .bind(mypage.ending.map(|ending| ending.to_string()))
                .bind(i64::from(mypage.refunded))
                .bind(order.customer_id.map(CustomerId::get))
                .bind(order.movie_name)
                .bind(order.seat)
                .bind(order.qty)
                .bind(order.price)
                .bind(order.screening.screening_id.map(ScreeningId::get))
                .bind(order.screening.theatre)
                .bind(order.screening.hall)
                .bind(order.screening.starts_at.map(Timestamp::as_microsecond))
                .bind(order.screening.ends_at.map(Timestamp::as_microsecond))
                .bind(mypage.progress.to_string())
                .bind(mypage.score)
                .bind(mypage.ticket_id.map(TicketId::get))
                .bind(mypage.updated_at.as_microsecond())
                .bind(i64::from(mypage.is_shown()));
        }
        tx.execute(update).await?;
    }
    Ok(())
}

pub(super) fn restore(row: MypageRow) -> Result<Mypage, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("mypages", row.booking_id, detail);
    let time = |us: i64| Timestamp::from_microsecond(us).map_err(|error| corrupt(&error));
    let screening = Screening {
        screening_id: row.screening_id.map(ScreeningId::new).transpose().map_err(|error| corrupt(&error))?,
        theatre: row.theatre,
        hall: row.hall,
        starts_at: row.starts_at.map(time).transpose()?,
        ends_at: row.ends_at.map(time).transpose()?,
    };
    let order = Order {
        customer_id: row.customer_id.map(CustomerId::new).transpose().map_err(|error| corrupt(&error))?,
        movie_name: row.movie_name,
        seat: row.seat,
        qty: row.qty,
        price: row.price,
        screening,
    };
    Ok(Mypage {
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        order: (row.booked != 0 || row.held != 0 || row.given_up != 0).then_some(order),
        booked: row.booked != 0,
        held: row.held != 0,
        held_until: row.held_until.map(time).transpose()?,
        given_up: row.given_up != 0,
        ending: row.ending.map(|ending| ending.parse()).transpose().map_err(|error| corrupt(&error))?,
        refunded: row.refunded != 0,
        progress: row.status.parse().map_err(|error| corrupt(&error))?,
        score: row.score,
        ticket_id: row.ticket_id.map(TicketId::new).transpose().map_err(|error| corrupt(&error))?,
        updated_at: time(row.updated_at)?,
    })
}
