//! Idempotency keys: the table `request_keys`, and the older `idempotency_keys`, in which a key of the last day may still be.

use events::BookingId;
pub use storage::request_keys::PRUNED;
use storage::{Error, Tx, claim_key, request_keys};

/// All keys share one scope: payment has one caller.
const SCOPE: &str = "shared";

const CLAIM: &str = claim_key!(
    older: "SELECT older.fingerprint FROM idempotency_keys AS older WHERE older.idempotency_key = request_keys.key"
);

/// Lets `key` stand for the request with this `fingerprint`, which is about `booking`. Returns the fingerprint of the request for
/// which the key stands: another one, if the key was taken. Waits for a transaction that is claiming the same key.
pub async fn bind(tx: &mut Tx, key: &str, fingerprint: &str, booking: BookingId) -> Result<String, Error> {
    let claiming = request_keys::claim(tx, CLAIM, SCOPE, key, fingerprint, booking.get());
    let (_, claimed, older): (_, _, Option<String>) = claiming.await?;
    Ok(if claimed == fingerprint { older.unwrap_or(claimed) } else { claimed })
}
