//! Idempotency keys: the table `request_keys`, and the older `idempotency_keys`, which processes of the version before still
//! write.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, query_as, request_keys};

/// All keys share one scope: payment has one caller.
const SCOPE: &str = "shared";

/// Lets `key` stand for the request with this `fingerprint`, which is about `booking`. Returns the fingerprint of the request for
/// which it stands: another one, if the key was taken.
///
/// # Errors
///
/// When the database fails.
pub async fn bind(tx: &mut Tx, key: &str, fingerprint: &str, booking: BookingId) -> Result<String, Error> {
    let claimed = request_keys::claim_for(tx, SCOPE, key, fingerprint, booking.get()).await?;
    if claimed.fingerprint != fingerprint {
        return Ok(claimed.fingerprint);
    }
    let before =
        query_as("SELECT fingerprint FROM idempotency_keys WHERE idempotency_key = $1").bind(key.to_owned());
    let before: Option<(String,)> = tx.fetch_optional(before).await?;
    Ok(before.map_or(claimed.fingerprint, |(fingerprint,)| fingerprint))
}
