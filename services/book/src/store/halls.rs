//! When the halls are taken. The database decides: it adds the screenings of one hall one after the other.

use events::{Name, ScreeningId};
use jiff::{SignedDuration, Timestamp};
use storage::{Error, Tx, query, query_as};

use crate::domain::LONGEST_RUN;

/// A screening in a hall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Showing {
    pub id: ScreeningId,
    pub movie_name: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Locks the hall until `tx` ends, so that no other transaction announces a screening there. The theatre is
/// the hall.
pub async fn lock(tx: &mut Tx, theatre: &Name) -> Result<(), Error> {
    // An update that changes nothing locks a row that exists.
    let lock = query(
        "INSERT INTO hall_locks (theatre_key, hall_key) VALUES ($1, $1)
         ON CONFLICT (theatre_key, hall_key) DO UPDATE SET hall_key = excluded.hall_key",
    );
    tx.execute(lock.bind(theatre.key().to_owned())).await?;
    Ok(())
}

/// The first screening in the hall that overlaps the time from `starts_at` to `ends_at`, with `turnover`
/// before and after it.
pub async fn find_overlapping(
    tx: &mut Tx,
    theatre: &Name,
    starts_at: Timestamp,
    ends_at: Timestamp,
    turnover: SignedDuration,
) -> Result<Option<Showing>, Error> {
    let free_from = ends_at.saturating_add(turnover).unwrap_or(Timestamp::MAX);
    let free_until = starts_at.saturating_sub(turnover).unwrap_or(Timestamp::MIN);
    let find = query_as(concat!(
        "SELECT id, movie_name, starts_at, ",
        ends_at!(),
        " AS ends_at FROM screenings
         WHERE theatre_key = $1 AND hall_key = $1 AND starts_at < $2 AND starts_at >= $3 AND ",
        ends_at!(),
        " > $4
         ORDER BY starts_at, id LIMIT 1"
    ))
    .bind(theatre.key().to_owned())
    .bind(free_from.as_microsecond())
    .bind(earliest_start(free_until))
    .bind(free_until.as_microsecond());
    let row: Option<(i64, String, i64, i64)> = tx.fetch_optional(find).await?;
    row.map(showing).transpose()
}

/// The condition of [`delete_unsold`].
macro_rules! unsold {
    () => {
        concat!(
            "movie_name = $1 AND theatre = $2 AND hall = $3 AND ",
            ends_at!(),
            " > $4 AND NOT EXISTS (SELECT 1 FROM bookings WHERE bookings.screening_id = screenings.id)"
        )
    };
}

/// Deletes the screenings of `movie` in `theatre` with the layout `hall` that have not ended and have no
/// booking, and returns their number.
pub async fn delete_unsold(tx: &mut Tx, movie: &str, theatre: &str, hall: &str) -> Result<u64, Error> {
    let seats = query(concat!(
        "DELETE FROM screening_seats WHERE screening_id IN (SELECT id FROM screenings WHERE ",
        unsold!(),
        ")"
    ));
    let screenings = query(concat!("DELETE FROM screenings WHERE ", unsold!()));
    let since = tx.now().as_microsecond();
    let mut deleted = 0;
    for delete in [seats, screenings] {
        let delete = delete.bind(movie.to_owned()).bind(theatre.to_owned()).bind(hall.to_owned());
        deleted = tx.execute(delete.bind(since)).await?;
    }
    Ok(deleted)
}

/// No screening that started before this ends after `time`. So an index finds those that may.
pub(super) fn earliest_start(time: Timestamp) -> i64 {
    time.saturating_sub(LONGEST_RUN).unwrap_or(Timestamp::MIN).as_microsecond()
}

fn showing((id, movie_name, starts_at, ends_at): (i64, String, i64, i64)) -> Result<Showing, Error> {
    let time = |us| Timestamp::from_microsecond(us).map_err(|error| Error::corrupt("screenings", id, error));
    let (starts_at, ends_at) = (time(starts_at)?, time(ends_at)?);
    let id = ScreeningId::new(id).map_err(|error| Error::corrupt("screenings", id, error))?;
    Ok(Showing { id, movie_name, starts_at, ends_at })
}
