//! The memory that makes a redelivered event harmless.

use storage::{Error, Tx, query};

/// Remembers that `consumer` applies the event `event_id` in this transaction. `false`: it was applied before.
///
/// # Errors
///
/// When the database fails.
pub async fn first_time(tx: &mut Tx, consumer: &'static str, event_id: &str) -> Result<bool, Error> {
    let insert =
        query("INSERT INTO inbox (consumer, event_id, seen_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(consumer)
            .bind(event_id.to_owned())
            .bind(tx.now().as_microsecond());
    Ok(tx.execute(insert).await? == 1)
}
