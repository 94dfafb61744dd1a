//! The row of an event, which commits with the state change that the event describes.
//!
//! The events of one booking are published in the order of its states, although the relay knows no states: it publishes by `seq`,
//! and a caller of [`append`] has locked the row that it changes. So the next change of that row waits for the commit, and its
//! event gets a higher `seq`. `book/tests/it/ordering.rs` fails if a change does not lock its row first.

use event_log::headers_to_json;
use events::{Event, encode, headers};
use storage::{Error, Tx, query};
use telemetry::trace_context::TraceContext;
use uuid::Uuid;

/// Appends `event` of the service `source` to the outbox. The commit of `tx` wakes the relay.
///
/// # Errors
///
/// When the database fails. Then nothing commits, so nothing is published.
pub async fn append(tx: &mut Tx, source: &str, event: impl Into<Event>) -> Result<(), Error> {
    let event = event.into();
    let now = tx.now();
    let id = Uuid::now_v7().to_string();
    let trace = TraceContext::current().map(|trace| trace.to_string());
    let headers = headers::headers(&event, &id, source, now, trace.as_deref());
    let insert = query(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, occurred_at)
         VALUES ($1, 'booking', $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(event.booking_id().to_string())
    .bind(event.event_type())
    .bind(encode(&event, now))
    .bind(headers_to_json(&headers))
    .bind(now.as_microsecond());
    tx.execute(insert).await?;
    tx.announce_commit();
    Ok(())
}
