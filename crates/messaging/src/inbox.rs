//! The memory that makes a redelivered event harmless.

use std::collections::HashSet;

use events::TOPIC;
use events::headers::{self, Headers};
use storage::{Error, MAX_VALUES, Tx, query_as_built};

use crate::transport::Position;

/// What a row binds.
const COLUMNS: usize = 3;

/// What an event is remembered by: its own id; where its writer gave none, as the original Java services do, its place in
/// the topic.
pub fn event_id(headers: &Headers, position: Position) -> String {
    let Position { partition, offset } = position;
    headers::find(headers, headers::ID).map_or_else(|| format!("{TOPIC}/{partition}/{offset}"), str::to_owned)
}

/// Remembers that `consumer` applies the events `event_ids` in this transaction, and gives those of them that were not
/// applied before.
///
/// # Errors
///
/// When the database fails.
pub async fn first_times(
    tx: &mut Tx,
    consumer: &'static str,
    event_ids: &[&str],
) -> Result<HashSet<String>, Error> {
    // In one order, so that two processes that are given the same events do not wait for each other.
    let mut event_ids = event_ids.to_vec();
    event_ids.sort_unstable();
    event_ids.dedup();
    let seen_at = tx.now().as_microsecond();
    let mut new = HashSet::new();
    for rows in event_ids.chunks(MAX_VALUES / COLUMNS) {
        let mut insert = query_as_built(format!(
            "INSERT INTO inbox (consumer, event_id, seen_at) VALUES {} ON CONFLICT DO NOTHING RETURNING event_id",
            tx.values(rows.len(), COLUMNS)
        ));
        for event_id in rows {
            insert = insert.bind(consumer).bind((*event_id).to_owned()).bind(seen_at);
        }
        new.extend(tx.fetch_all::<(String,)>(insert).await?.into_iter().map(|(event_id,)| event_id));
    }
    Ok(new)
}
