//! Writes the table `timeline` and its shadow.

use std::collections::BTreeMap;

use events::BookingId;
use jiff::Timestamp;
use storage::{Error, MAX_VALUES, Tx, query_built};

use super::View;

/// The times of events, by booking and type.
pub type Entries = BTreeMap<(BookingId, &'static str), Timestamp>;

/// Adds `entries`. If a booking has an event of that type already, the earlier time is stored.
pub async fn add(tx: &mut Tx, view: View, entries: &Entries) -> Result<(), Error> {
    const BOUND: usize = 3;
    let entries: Vec<_> = entries.iter().collect();
    for rows in entries.chunks(MAX_VALUES / BOUND) {
        let mut insert = query_built(format!(
            "INSERT INTO {} AS known (booking_id, event, happened_at) VALUES {}
             ON CONFLICT (booking_id, event) DO UPDATE SET happened_at = excluded.happened_at
             WHERE excluded.happened_at < known.happened_at",
            view.timeline(),
            tx.values(rows.len(), BOUND)
        ));
        for ((booking, event_type), at) in rows {
            insert = insert.bind(booking.get()).bind(*event_type).bind(at.as_microsecond());
        }
        tx.execute(insert).await?;
    }
    Ok(())
}
