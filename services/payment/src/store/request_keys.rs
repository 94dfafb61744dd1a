//! Idempotency keys: the table `request_keys`, and the older `idempotency_keys`, in which a key of the last day may still be.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, query_as};

/// All keys share one scope: payment has one caller.
const SCOPE: &str = "shared";

/// Lets `key` stand for the request with this `fingerprint`, which is about `booking`. Returns the fingerprint of the request for
/// which the key stands: another one, if the key was taken. Waits for a transaction that is claiming the same key.
pub async fn bind(tx: &mut Tx, key: &str, fingerprint: &str, booking: BookingId) -> Result<String, Error> {
    // The update changes nothing: it returns a row that exists. A second statement might not find that row any more.
    let claim = query_as(
        "INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key
         RETURNING fingerprint,
             (SELECT older.fingerprint FROM idempotency_keys AS older WHERE older.idempotency_key = request_keys.key)",
    )
    .bind(SCOPE)
    .bind(key.to_owned())
    .bind(fingerprint.to_owned())
    .bind(booking.get())
    .bind(tx.now().as_microsecond());
    let (claimed, older): (String, Option<String>) = tx.fetch_one(claim).await?;
    Ok(if claimed == fingerprint { older.unwrap_or(claimed) } else { claimed })
}
