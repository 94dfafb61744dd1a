//! Rows of the version before get the keys by which names are compared.

use std::collections::{HashMap, HashSet};

use events::ScreeningId;
use events::text::stored_capitals;
use storage::{Error, Tx};

use crate::store::places::place;
use crate::store::without_keys::{self, Claim, Screening};

/// Stands for the task among the keys of rows: two processes that start at once take turns.
const TURN: i64 = i64::MAX - 2;
/// Screenings at a time; each may have 2,000 seats.
const SCREENINGS: i64 = 20;

/// Gives keys to some screenings, or to up to `limit` bookings, and returns how many rows that were; 0 when all have theirs.
///
/// Each transaction completes the rows that it takes, so a process that dies between two of them leaves nothing half done,
/// and the next one goes on where it stopped. Where the seats of two live bookings turn out to be one, the older booking
/// keeps it. The younger one loses its claim; the audit reports it as sold twice.
///
/// # Errors
///
/// When the database fails.
pub async fn bring_over(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    tx.lock(TURN).await?;
    let screenings = without_keys::screenings(tx, SCREENINGS).await?;
    for screening in &screenings {
        rename_seats(tx, screening).await?;
        without_keys::key_screening(tx, screening).await?;
    }
    if !screenings.is_empty() {
        return Ok(screenings.len() as u64);
    }
    let bookings = without_keys::bookings(tx, limit).await?;
    // First, as it locks them: a cancel in a process of the version before has freed the seats by now, or waits.
    without_keys::key_bookings(tx, &bookings).await?;
    let movies: HashMap<i64, Option<&str>> =
        bookings.iter().map(|booking| (booking.id, booking.movie_name.as_deref())).collect();
    let screenings: HashMap<i64, Option<i64>> =
        bookings.iter().map(|booking| (booking.id, booking.screening_id)).collect();
    for claim in without_keys::claims(tx, &bookings).await? {
        let booking = claim.booking_id;
        let screening = screenings[&booking].map(ScreeningId::new).transpose();
        let screening = screening.map_err(|error| Error::corrupt("bookings", booking, error))?;
        let to = Claim {
            place: place(screening, movies[&booking]),
            seat: stored_capitals(&claim.seat),
            booking_id: booking,
        };
        move_claim(tx, claim, to).await?;
    }
    Ok(bookings.len() as u64)
}

/// Gives each seat of a screening its name in one form. If two seats end up with one name, only one of them is kept.
async fn rename_seats(tx: &mut Tx, screening: &Screening) -> Result<(), Error> {
    let seats = without_keys::seats(tx, screening.id).await?;
    let mut names: HashSet<String> = seats.iter().cloned().collect();
    for seat in seats {
        let name = stored_capitals(&seat);
        if name == seat {
            continue;
        }
        if names.insert(name.clone()) {
            without_keys::rename_seat(tx, screening.id, &seat, &name).await?;
        } else {
            tracing::warn!(screening = screening.id, seat, name, "two seats of a screening have one name");
            without_keys::delete_seat(tx, screening.id, &seat).await?;
        }
    }
    Ok(())
}

async fn move_claim(tx: &mut Tx, from: Claim, to: Claim) -> Result<(), Error> {
    if from == to {
        return Ok(());
    }
    without_keys::delete_claim(tx, &from.place, &from.seat).await?;
    let holder = without_keys::holder(tx, &to.place, &to.seat).await?;
    if let Some(holder) = holder.filter(|holder| *holder != to.booking_id) {
        let (kept, lost) = (holder.min(to.booking_id), holder.max(to.booking_id));
        tracing::warn!(place = to.place, seat = to.seat, kept, lost, "two bookings have one seat");
    }
    match holder {
        Some(older) if older <= to.booking_id => Ok(()),
        Some(_) => {
            without_keys::delete_claim(tx, &to.place, &to.seat).await?;
            without_keys::insert_claim(tx, &to).await
        }
        None => without_keys::insert_claim(tx, &to).await,
    }
}
