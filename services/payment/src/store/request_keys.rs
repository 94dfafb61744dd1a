//! The idempotency keys of clients: the table `request_keys`, and the table `idempotency_keys` of the
//! previous version, which may still contain a key of the last day.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, claim_key, request_keys};

/// The scope of all keys. There is one, because payment has one caller.
const SCOPE: &str = "shared";

const CLAIM: &str = claim_key!(
    older: "SELECT older.fingerprint FROM idempotency_keys AS older WHERE older.idempotency_key = request_keys.key"
);

/// Claims `key` for the request with this `fingerprint`, which is about `booking`. Returns the fingerprint of
/// the request that has the key; it differs if another request claimed the key first. Waits for a transaction
/// that is claiming the same key.
pub async fn claim(tx: &mut Tx, key: &str, fingerprint: &str, booking: BookingId) -> Result<String, Error> {
    let claim = request_keys::claim(tx, CLAIM, SCOPE, key, fingerprint, booking.get());
    let (_, claimed, older): (_, _, Option<String>) = claim.await?;
    Ok(if claimed == fingerprint { older.unwrap_or(claimed) } else { claimed })
}
