//! Idempotency keys: the table `request_keys`, and the older `idempotency_keys`, in which a key of the last
//! day may still be.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, claim_key, query, request_keys};

use crate::domain::RequestKey;

/// Stands for the booking of a key between [`claim`] and [`bind`]. It is never committed.
const NO_BOOKING: i64 = 0;

const CLAIM: &str = claim_key!(
    older: "SELECT bookings.id FROM idempotency_keys JOIN bookings ON bookings.id = idempotency_keys.booking_id
            WHERE idempotency_keys.key = request_keys.key
              AND COALESCE('customer:' || CAST(bookings.customer_id AS TEXT), 'shared') = request_keys.scope"
);

/// Claims a key for its request, and returns `None`; the same transaction has to [`bind`] it. If the key was
/// claimed before, returns its booking and the fingerprint of the request that claimed it. Waits for a
/// transaction that is claiming the same key.
///
/// The fingerprint of a key in the older table is empty: it was computed from other text.
pub async fn claim(tx: &mut Tx, request: &RequestKey) -> Result<Option<(BookingId, String)>, Error> {
    let RequestKey { scope, key, fingerprint } = request;
    let claiming = request_keys::claim(tx, CLAIM, scope, key, fingerprint, NO_BOOKING);
    let (booking, fingerprint, older): (_, _, Option<i64>) = claiming.await?;
    let known = if booking == NO_BOOKING {
        older.map(|id| (id, String::new()))
    } else {
        Some((booking, fingerprint))
    };
    let parse = |(id, fingerprint)| match BookingId::new(id) {
        Ok(id) => Ok((id, fingerprint)),
        Err(error) => Err(Error::corrupt("request_keys", key, error)),
    };
    known.map(parse).transpose()
}

/// Binds a key that this transaction has claimed to its booking.
pub async fn bind(tx: &mut Tx, request: &RequestKey, booking: BookingId) -> Result<(), Error> {
    let bind = query("UPDATE request_keys SET booking_id = $1 WHERE scope = $2 AND key = $3")
        .bind(booking.get())
        .bind(request.scope.clone())
        .bind(request.key.clone());
    tx.execute(bind).await?;
    Ok(())
}

/// Deletes the key of a booking that was not kept.
pub async fn delete_of(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM request_keys WHERE booking_id = $1").bind(booking.get())).await?;
    Ok(())
}
