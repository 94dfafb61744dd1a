//! Idempotency keys: the table `request_keys`, and the older `idempotency_keys`, which processes of the version before still
//! write.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, query_as, request_keys};

use crate::domain::RequestKey;

/// Claims a key for its request, and returns `None`. If the key was claimed before, returns its booking and the
/// fingerprint of the request that claimed it. Waits for a transaction that is claiming the same key.
///
/// # Errors
///
/// When the database fails.
pub async fn claim(tx: &mut Tx, request: &RequestKey) -> Result<Option<(BookingId, String)>, Error> {
    let RequestKey { scope, key, fingerprint } = request;
    let Some(claimed) = request_keys::claim(tx, scope, key, fingerprint).await? else {
        return claimed_before(tx, request).await;
    };
    let known = BookingId::new(claimed.subject);
    let known = known.map_err(|error| Error::corrupt("request_keys", key, error))?;
    Ok(Some((known, claimed.fingerprint)))
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
    request_keys::bind(tx, &request.scope, &request.key, booking.get()).await
}

/// Deletes the key of a booking that was not kept.
///
/// # Errors
///
/// When the database fails.
pub async fn delete_of(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    request_keys::forget_subject(tx, booking.get()).await
}
