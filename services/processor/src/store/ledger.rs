//! The table `ledger`, which is append-only.

use std::fmt::Display;

use jiff::Timestamp;
use sqlx::FromRow;
use storage::{Conn, Error, Tx, query, query_as};

use crate::domain::{Amount, Kind, Money, Movement, Reference};

/// The lock that every writer of the ledger takes. With it, rows become visible in the order of their
/// numbers, so a reader that continues after its last number misses no row.
const WRITING: i64 = 1;

#[derive(FromRow)]
struct MovementRow {
    seq: i64,
    reference: String,
    kind: String,
    amount: i64,
    currency: String,
    created_at: i64,
}

/// Adds a movement of money. A second charge or refund under a reference violates `ledger_reference_kind`.
pub async fn append(tx: &mut Tx, reference: &Reference, kind: Kind, money: Money) -> Result<(), Error> {
    tx.lock(WRITING).await?;
    let insert = query(
        "INSERT INTO ledger (reference, kind, amount, currency, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(reference.to_string())
    .bind(kind.into_str())
    .bind(money.amount.get())
    .bind(money.currency.to_string())
    .bind(tx.now().as_microsecond());
    tx.execute(insert).await?;
    Ok(())
}

/// The first `limit` movements after `after`, oldest first.
pub async fn list(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<Movement>, Error> {
    let find = query_as(
        "SELECT seq, reference, kind, amount, currency, created_at
         FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after)
    .bind(limit);
    conn.fetch_all(find).await?.into_iter().map(restore).collect()
}

/// The number of the last movement, or 0 if there is none.
pub async fn highest_seq(conn: &mut Conn) -> Result<i64, Error> {
    let find = query_as("SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM ledger");
    let (seq,) = conn.fetch_one::<(i64,)>(find).await?;
    Ok(seq)
}

fn restore(row: MovementRow) -> Result<Movement, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("ledger", row.seq, detail);
    Ok(Movement {
        seq: row.seq,
        reference: row.reference.parse().map_err(|error| corrupt(&error))?,
        kind: row.kind.parse().map_err(|error| corrupt(&error))?,
        money: Money {
            amount: Amount::parse(row.amount).map_err(|error| corrupt(&error))?,
            currency: row.currency.parse().map_err(|error| corrupt(&error))?,
        },
        at: Timestamp::from_microsecond(row.created_at).map_err(|error| corrupt(&error))?,
    })
}
