//! Idempotency keys: for a day, a key that a client chooses stands for one request.
//!
//! The migrations of each service that uses keys create the tables `request_keys` and `idempotency_keys`.

use std::time::Duration;

use sqlx::FromRow;

use crate::conn::Tx;
use crate::error::Error;
use crate::prune;
use crate::prune::Prune;
use crate::statement::{Row, query_as};

/// How long a key stands for its request.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Deletes keys after a day, including those in the older table `idempotency_keys`, which earlier versions
/// wrote.
pub const PRUNED: [Prune; 2] = [
    prune!("request_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
    prune!("idempotency_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
];

/// The statement of [`claim`](crate::request_keys::claim). `older` selects one value of the same key from the
/// service's table `idempotency_keys`.
///
/// The update changes nothing, but lets the statement return an existing row. A second statement might not
/// find that row any more.
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

/// Claims `key` of `scope` for a request about `booking` with this `fingerprint`, with a statement of
/// [`claim_key!`](crate::claim_key). Returns the booking and the fingerprint of the request for which the key
/// stands, and the value from the older table. If the key was taken, this is an earlier request. Waits if
/// another transaction is claiming the same key.
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
