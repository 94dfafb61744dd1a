//! The table `idempotency_keys`.

use jiff::Timestamp;
use storage::{Conn, Error, Tx, query, query_as};

/// What the request was that `key` stands for, if it stands for one.
///
/// # Errors
///
/// When the database fails.
pub async fn find(conn: &mut Conn, key: &str) -> Result<Option<String>, Error> {
    let find =
        query_as("SELECT fingerprint FROM idempotency_keys WHERE idempotency_key = $1").bind(key.to_owned());
    let found: Option<(String,)> = conn.fetch_optional(find).await?;
    Ok(found.map(|(fingerprint,)| fingerprint))
}

/// Lets `key` stand for the request with this `fingerprint`, and gives that of the one it stands for: another one, if the
/// key was taken.
///
/// # Errors
///
/// When the database fails.
pub async fn bind(tx: &mut Tx, key: &str, fingerprint: &str) -> Result<String, Error> {
    let insert = query(
        "INSERT INTO idempotency_keys (idempotency_key, fingerprint, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (idempotency_key) DO NOTHING",
    )
    .bind(key.to_owned())
    .bind(fingerprint.to_owned())
    .bind(tx.now().as_microsecond());
    if tx.execute(insert).await? == 1 {
        return Ok(fingerprint.to_owned());
    }
    // Pruned in this moment, it stands for nothing.
    Ok(find(tx, key).await?.unwrap_or_else(|| fingerprint.to_owned()))
}

/// Forgets up to `limit` keys, or as many as came together with the last of them, that came before `before`. How many
/// those were.
///
/// # Errors
///
/// When the database fails.
pub async fn prune(tx: &mut Tx, before: Timestamp, limit: i64) -> Result<u64, Error> {
    let delete = query(
        "DELETE FROM idempotency_keys WHERE created_at <= (SELECT MAX(created_at) FROM
             (SELECT created_at FROM idempotency_keys ORDER BY created_at LIMIT $1) AS oldest) AND created_at < $2",
    )
    .bind(limit)
    .bind(before.as_microsecond());
    tx.execute(delete).await
}
