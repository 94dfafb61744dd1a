//! Adds the keys by which names are compared to rows of earlier versions.

use std::collections::{HashMap, HashSet};

use events::ScreeningId;
use events::text::stored_capitals;
use storage::{Error, Tx};

use super::locks::UPGRADE;
use crate::store::places::showing_key;
use crate::store::without_keys::{self, Claim, Screening};

/// Maximum number of screenings per transaction; each may have 2,000 seats.
const SCREENINGS: i64 = 20;

/// Adds keys to some screenings, or to at most `limit` bookings, and returns the number of rows; 0 when all
/// have keys.
///
/// Each transaction completes its rows, so after a crash between two transactions the next process continues
/// where the last one stopped. If two live bookings turn out to have the same seat, the older booking keeps
/// it. The younger one loses its claim, and the audit reports the seat as sold twice.
pub async fn bring_over(tx: &mut Tx, limit: i64) -> Result<u64, Error> {
    // Processes that start at the same time take turns.
    tx.lock(UPGRADE).await?;
    let screenings = without_keys::screenings(tx, SCREENINGS).await?;
    for screening in &screenings {
        rename_seats(tx, screening).await?;
        without_keys::key_screening(tx, screening).await?;
    }
    if !screenings.is_empty() {
        return Ok(screenings.len() as u64);
    }
    let bookings = without_keys::bookings(tx, limit).await?;
    // This locks the bookings: a cancellation in a process of the previous version has either released the
    // seats, or waits.
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
            place: showing_key(screening, movies[&booking]),
            seat: stored_capitals(&claim.seat),
            booking_id: booking,
        };
        move_claim(tx, claim, to).await?;
    }
    Ok(bookings.len() as u64)
}

/// Renames the seats of a screening to their normal form. If two seats get the same name, one of them is
/// deleted.
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
            tracing::warn!(
                screening = screening.id,
                seat,
                name,
                "deleting a seat whose name another seat of the screening already has"
            );
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
        tracing::warn!(place = to.place, seat = to.seat, kept, lost, "two bookings have the same seat");
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
