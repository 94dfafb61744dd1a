//! The table `request_keys`, and the older `idempotency_keys`, which processes of the version before still write.

use events::BookingId;
use jiff::Timestamp;
use storage::{Error, Tx, query, query_as};

use crate::domain::RequestKey;

/// Stands for the booking of a key whose booking is yet to be inserted. It is never committed.
const NO_BOOKING: i64 = 0;

/// Claims a key for its request, and returns `None`. If the key was claimed before, returns its booking and the
/// fingerprint of the request that claimed it. Waits for a transaction that is claiming the same key.
///
/// # Errors
///
/// When the database fails.
pub async fn claim(tx: &mut Tx, request: &RequestKey) -> Result<Option<(BookingId, String)>, Error> {
    // An update that changes nothing returns a row that is there. A second statement might not find it any more.
    let claim = query_as(
        "INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key RETURNING booking_id, fingerprint",
    )
    .bind(request.scope.clone())
    .bind(request.key.clone())
    .bind(request.fingerprint.clone())
    .bind(NO_BOOKING)
    .bind(tx.now().as_microsecond());
    let (id, fingerprint): (i64, String) = tx.fetch_one(claim).await?;
    if id == NO_BOOKING {
        return claimed_before(tx, request).await;
    }
    let known = BookingId::new(id).map_err(|error| Error::corrupt("request_keys", &request.key, error))?;
    Ok(Some((known, fingerprint)))
}

/// Returns the booking of a key that a process of the version before has claimed since the migration. Its fingerprint is
/// empty: it was made of other text.
async fn claimed_before(tx: &mut Tx, request: &RequestKey) -> Result<Option<(BookingId, String)>, Error> {
    let find = query_as(
        "SELECT bookings.id FROM idempotency_keys JOIN bookings ON bookings.id = idempotency_keys.booking_id
         WHERE idempotency_keys.key = $1
           AND COALESCE('customer:' || CAST(bookings.customer_id AS TEXT), 'shared') = $2",
    )
    .bind(request.key.clone())
    .bind(request.scope.clone());
    let Some((id,)) = tx.fetch_optional::<(i64,)>(find).await? else { return Ok(None) };
    let known = BookingId::new(id).map_err(|error| Error::corrupt("bookings", id, error))?;
    Ok(Some((known, String::new())))
}

/// Binds a key that this transaction has claimed to its booking.
///
/// # Errors
///
/// When the database fails.
pub async fn bind(tx: &mut Tx, request: &RequestKey, booking: BookingId) -> Result<(), Error> {
    let bind = query("UPDATE request_keys SET booking_id = $1 WHERE scope = $2 AND key = $3")
        .bind(booking.get())
        .bind(request.scope.clone())
        .bind(request.key.clone());
    tx.execute(bind).await?;
    Ok(())
}

/// Deletes the key of a booking that was not kept.
///
/// # Errors
///
/// When the database fails.
pub async fn delete_of(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM request_keys WHERE booking_id = $1").bind(booking.get())).await?;
    Ok(())
}

/// Deletes up to `limit` of the oldest keys of each table, or as many as came together with the last of them, that are from
/// before `before`, and returns how many those were.
///
/// # Errors
///
/// When the database fails.
pub async fn prune(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let keys = query(
        "DELETE FROM request_keys WHERE created_at <= (SELECT MAX(created_at) FROM
             (SELECT created_at FROM request_keys ORDER BY created_at LIMIT $1) AS oldest) AND created_at < $2",
    );
    let older = query(
        "DELETE FROM idempotency_keys WHERE created_at <= (SELECT MAX(created_at) FROM
             (SELECT created_at FROM idempotency_keys ORDER BY created_at LIMIT $1) AS oldest) AND created_at < $2",
    );
    let mut deleted = 0;
    for delete in [keys, older] {
        deleted += tx.execute(delete.bind(limit).bind(before.as_microsecond())).await?;
    }
    Ok(deleted)
}
