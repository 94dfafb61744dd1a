//! The table `payments`.

use std::fmt::Display;

use jiff::Timestamp;
use sqlx::FromRow;
use storage::{Conn, Error, Tx, query, query_as};

use crate::domain::{Amount, Money, Payment, Reference, Row};

/// The columns of a `PaymentRow`. A macro, so that each statement stays a literal.
macro_rules! payment_columns {
    () => {
        "reference, status, amount, currency, decline_reason, charged_at, refunded_at"
    };
}

#[derive(FromRow)]
struct PaymentRow {
    reference: String,
    status: String,
    amount: Option<i64>,
    currency: Option<String>,
    decline_reason: Option<String>,
    charged_at: Option<i64>,
    refunded_at: Option<i64>,
}

/// Adds a payment. Returns `false` if the reference already has one.
pub async fn insert(tx: &mut Tx, payment: &Payment) -> Result<bool, Error> {
    let row = payment.row();
    let insert = query(
        "INSERT INTO payments (reference, status, amount, currency, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (reference) DO NOTHING",
    )
    .bind(row.reference.to_string())
    .bind(row.status.into_str())
    .bind(row.money.map(|money| money.amount.get()))
    .bind(row.money.map(|money| money.currency.to_string()))
    .bind(tx.now().as_microsecond());
    Ok(tx.execute(insert).await? == 1)
}

/// The payment of a reference, locked until `tx` ends. An update that changes nothing locks a row on both
/// products.
///
/// # Errors
///
/// When the reference has no payment.
pub async fn lock(tx: &mut Tx, reference: &Reference) -> Result<Payment, Error> {
    let lock = query_as(concat!(
        "UPDATE payments SET status = status WHERE reference = $1
         RETURNING ",
        payment_columns!(),
    ))
    .bind(reference.to_string());
    restore(tx.fetch_one(lock).await?)
}

/// Writes what a transition changes.
pub async fn update(tx: &mut Tx, payment: &Payment) -> Result<(), Error> {
    let row = payment.row();
    let update = query(
        "UPDATE payments
         SET status = $1, decline_reason = $2, charged_at = $3, refunded_at = $4, updated_at = $5
         WHERE reference = $6",
    )
    .bind(row.status.into_str())
    .bind(row.decline_reason.map(|reason| reason.into_str()))
    .bind(row.charged_at.map(Timestamp::as_microsecond))
    .bind(row.refunded_at.map(Timestamp::as_microsecond))
    .bind(tx.now().as_microsecond())
    .bind(row.reference.to_string());
    tx.execute(update).await?;
    Ok(())
}

/// The payment of `reference`.
pub async fn find(conn: &mut Conn, reference: &Reference) -> Result<Option<Payment>, Error> {
    let find = query_as(concat!("SELECT ", payment_columns!(), " FROM payments WHERE reference = $1"))
        .bind(reference.to_string());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

fn restore(row: PaymentRow) -> Result<Payment, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("payments", &row.reference, detail);
    let money = match (row.amount, &row.currency) {
        (Some(amount), Some(currency)) => Some(Money {
            amount: Amount::parse(amount).map_err(|error| corrupt(&error))?,
            currency: currency.parse().map_err(|error| corrupt(&error))?,
        }),
        _ => None,
    };
    let time =
        |at: Option<i64>| at.map(Timestamp::from_microsecond).transpose().map_err(|error| corrupt(&error));
    Ok(Payment::restore(Row {
        reference: row.reference.parse().map_err(|error| corrupt(&error))?,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
        money,
        decline_reason: row
            .decline_reason
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error| corrupt(&error))?,
        charged_at: time(row.charged_at)?,
        refunded_at: time(row.refunded_at)?,
    }))
}
