//! What is left at each screening without seats: its capacity, less what its bookings take that live.

use sqlx::FromRow;
use storage::{Db, Error, query_as};

use crate::found::Violation;
use crate::kind::Kind;

/// Screenings read at a time.
const PAGE: i64 = 500;

#[derive(FromRow)]
struct Places {
    id: i64,
    capacity: i64,
    places_left: i64,
    taken: i64,
}

/// The screenings whose places are wrong. Book keeps both sides of it in one database, and one statement reads both, so
/// nothing can be in flight.
///
/// # Errors
///
/// When the database fails.
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
