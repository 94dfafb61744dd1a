//! The places left at each screening without numbered seats: its capacity less the places of its live
//! bookings.

use audit::Kind;
use audit::found::Violation;
use sqlx::FromRow;
use storage::{Db, Error, query_as};

/// Number of screenings that one query reads.
const PAGE: i64 = 500;

#[derive(FromRow)]
struct Places {
    id: i64,
    capacity: i64,
    places_left: i64,
    taken: i64,
}

/// The screenings whose number of places left is wrong. One statement reads both the number and the bookings,
/// so no change can be in flight.
pub async fn violations(book: &Db) -> Result<Vec<Violation>, Error> {
    let mut violations = Vec::new();
    let mut last = i64::MIN;
    loop {
        let page = query_as::<Places>(
            "SELECT screenings.id, capacity, COALESCE(places_left, 0) AS places_left,
                 CAST(COALESCE(SUM(bookings.qty), 0) AS BIGINT) AS taken
             FROM screenings LEFT JOIN bookings ON bookings.screening_id = screenings.id
                 AND bookings.status IN ('PaymentPending', 'Registered', 'PaidComplete', 'PrintComplete', 'Canceling')
             WHERE capacity IS NOT NULL AND screenings.id > $1
             GROUP BY screenings.id, capacity, places_left ORDER BY screenings.id LIMIT $2",
        )
        .bind(last)
        .bind(PAGE);
        let page = book.read().await?.fetch_all(page).await?;
        let Some(end) = page.last() else {
            return Ok(violations);
        };
        last = end.id;
        violations.extend(page.iter().filter_map(Places::violation));
    }
}

impl Places {
    fn violation(&self) -> Option<Violation> {
        let Self { id, capacity, places_left, taken } = self;
        let is_right = *places_left >= 0 && capacity - taken == *places_left;
        (!is_right).then(|| Violation {
            kind: Kind::PlacesWrong,
            detail: format!(
                "screening {id} has {capacity} places, {taken} are taken, and {places_left} are left"
            ),
        })
    }
}
