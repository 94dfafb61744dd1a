//! The table `timeline`.

use events::BookingId;
use jiff::Timestamp;
use storage::{Error, Tx, query};

/// Adds an event of `booking`. Of two of one type, the earlier counts, whichever came first.
///
/// # Errors
///
/// When the database fails.
pub async fn add(
    tx: &mut Tx,
    booking: BookingId,
    event_type: &'static str,
    at: Timestamp,
) -> Result<(), Error> {
    let insert = query(
        "INSERT INTO timeline (booking_id, event, happened_at) VALUES ($1, $2, $3)
         ON CONFLICT (booking_id, event) DO UPDATE SET happened_at = excluded.happened_at
         WHERE excluded.happened_at < timeline.happened_at",
    )
    .bind(booking.get())
    .bind(event_type)
    .bind(at.as_microsecond());
    tx.execute(insert).await?;
    Ok(())
}
