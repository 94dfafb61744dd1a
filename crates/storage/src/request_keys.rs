//! Idempotency keys: a client's name for a request stands for that request, for a day.
//!
//! The migrations of the service that uses them create the tables `request_keys` and `idempotency_keys`.

use std::time::Duration;

use crate::{Error, Prune, Tx, prune, query, query_as};

/// How long a key stands for its request.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);

/// Deletes keys after a day, and those in the older `idempotency_keys`, which processes of the previous version still write.
pub const PRUNED: [Prune; 2] = [
    prune!("request_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
    prune!("idempotency_keys", place: "created_at", since: "created_at", kept_for: KEPT_FOR),
];

/// The request for which a key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What it is about: a booking.
    pub subject: i64,
    pub fingerprint: String,
}

/// Claims `key` of `scope` for the request with this `fingerprint` about `subject`. Returns the request for which the key stands:
/// this one, or the one that claimed it before. Waits for a transaction that is claiming the same key.
///
/// # Errors
///
/// When the database fails.
pub async fn claim_for(
    tx: &mut Tx,
    scope: &str,
    key: &str,
    fingerprint: &str,
    subject: i64,
) -> Result<Claimed, Error> {
    // An update that changes nothing returns a row that is there. A second statement might not find it any more.
    let claim = query_as(
        "INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope, key) DO UPDATE SET key = excluded.key RETURNING booking_id, fingerprint",
    )
    .bind(scope.to_owned())
    .bind(key.to_owned())
    .bind(fingerprint.to_owned())
    .bind(subject)
    .bind(tx.now().as_microsecond());
    let (subject, fingerprint): (i64, String) = tx.fetch_one(claim).await?;
    Ok(Claimed { subject, fingerprint })
}

/// Binds a key that this transaction has claimed to its subject.
///
/// # Errors
///
/// When the database fails.
pub async fn bind(tx: &mut Tx, scope: &str, key: &str, subject: i64) -> Result<(), Error> {
    let bind = query("UPDATE request_keys SET booking_id = $1 WHERE scope = $2 AND key = $3")
        .bind(subject)
        .bind(scope.to_owned())
        .bind(key.to_owned());
    tx.execute(bind).await?;
    Ok(())
}

/// Deletes the keys of a subject that was not kept.
///
/// # Errors
///
/// When the database fails.
pub async fn forget_subject(tx: &mut Tx, subject: i64) -> Result<(), Error> {
    tx.execute(query("DELETE FROM request_keys WHERE booking_id = $1").bind(subject)).await?;
    Ok(())
}
