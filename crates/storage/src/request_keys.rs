//! Idempotency keys: a client's name for a request stands for that request, for a day.
//!
//! The migrations of the service that uses them create the tables `request_keys` and `idempotency_keys`.

use std::time::Duration;

use sqlx::FromRow;

use crate::{Error, Prune, Row, Tx, prune, query_as};

/// How long a key stands for its request.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Deletes keys after a day, and those in the older `idempotency_keys`, which processes of an earlier version wrote.
pub const PRUNED: [Prune; 2] = [
    prune!("request_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
    prune!("idempotency_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
];

/// The statement of [`claim`](crate::request_keys::claim). `older` selects one value that the service's `idempotency_keys` has for
/// the same key.
///
/// The update changes nothing: it returns a row that exists. A second statement might not find that row any more.
#[macro_export]
macro_rules! claim_key {
    (older: $older:literal) => {
        ::core::concat!(
            "INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key
             RETURNING booking_id, fingerprint, (",
            $older,
            ")"
        )
    };
}

/// Claims `key` of `scope` for a request about `booking` with this `fingerprint`, by a statement of
/// [`claim_key!`](crate::claim_key). Returns the booking and the fingerprint of the request for which the key stands, which is an
/// earlier request if the key was taken, and what the older table has. Waits for a transaction that is claiming the same key.
pub async fn claim<Older>(
    tx: &mut Tx,
    statement: &'static str,
    scope: &str,
    key: &str,
    fingerprint: &str,
    booking: i64,
) -> Result<(i64, String, Option<Older>), Error>
where
    (i64, String, Option<Older>): for<'r> FromRow<'r, Row> + Send + Unpin,
{
    let claim = query_as(statement)
        .bind(scope.to_owned())
        .bind(key.to_owned())
        .bind(fingerprint.to_owned())
        .bind(booking)
        .bind(tx.now().as_microsecond());
    tx.fetch_one(claim).await
}
