//! The table `idempotency_keys`.

use events::BookingId;
use jiff::Timestamp;
use storage::{Error, Tx, query, query_as};

/// Remembers that `booking` was asked for with `key`. `None`: it is the first one. Otherwise the one that was asked for with
/// it before, and the fingerprint of that request; whoever is just asking with the same key is waited for.
///
/// # Errors
///
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    key: &str,
    fingerprint: &str,
    booking: BookingId,
) -> Result<Option<(BookingId, String)>, Error> {
    let insert = query(
        "INSERT INTO idempotency_keys (key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(key.to_owned())
    .bind(fingerprint.to_owned())
    .bind(booking.get())
    .bind(tx.now().as_microsecond());
    if tx.execute(insert).await? == 1 {
        return Ok(None);
    }
    let find =
        query_as("SELECT booking_id, fingerprint FROM idempotency_keys WHERE key = $1").bind(key.to_owned());
    let (id, fingerprint): (i64, String) = tx.fetch_one(find).await?;
    let known = BookingId::new(id).map_err(|error| Error::corrupt("idempotency_keys", key, error))?;
    Ok(Some((known, fingerprint)))
}

/// Forgets the key of a booking that was not kept.
///
/// # Errors
///
/// When the database fails.
pub async fn delete_of(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM idempotency_keys WHERE booking_id = $1").bind(booking.get())).await?;
    Ok(())
}

/// Forgets at most `limit` of those from before `before`, and tells how many.
///
/// # Errors
///
/// When the database fails.
pub async fn prune(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let delete = query(
        "DELETE FROM idempotency_keys WHERE key IN
             (SELECT key FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
    );
    tx.execute(delete.bind(before.as_microsecond()).bind(limit)).await
}
