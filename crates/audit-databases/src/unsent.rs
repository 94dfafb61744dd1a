//! The events that wait in the outboxes.

use audit::story::UnsentRow;
use storage::{Error, query_as, query_as_built};

use crate::databases::Databases;

/// Maximum number of unsent events per outbox that [`all`] reads. Events beyond it count only for the
/// bookings that look wrong without them.
const MAX: i64 = 100_000;

/// The aggregate id, the type and the time of an event.
type Line = (String, String, i64);

/// The unsent events of all bookings, each with its booking, in the order of each outbox.
pub async fn all(databases: &Databases) -> Result<Vec<(i64, UnsentRow)>, Error> {
    let mut all = Vec::new();
    for (service, db) in databases.with_outbox() {
        let find = query_as::<Line>(
            "SELECT aggregateid, type, occurred_at FROM outbox WHERE sent_at IS NULL ORDER BY seq LIMIT $1",
        )
        .bind(MAX);
        let lines = db.read().await?.fetch_all(find).await?;
        all.extend(lines.into_iter().filter_map(|line| parse(service, line)));
    }
    Ok(all)
}

/// The unsent events of the bookings `ids`, as [`all`] returns them.
pub async fn of(databases: &Databases, ids: &[i64]) -> Result<Vec<(i64, UnsentRow)>, Error> {
    let quoted = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
    let mut all = Vec::new();
    for (service, db) in databases.with_outbox() {
        let find = query_as_built::<Line>(format!(
            "SELECT aggregateid, type, occurred_at FROM outbox
             WHERE sent_at IS NULL AND aggregateid IN ({quoted}) ORDER BY seq"
        ));
        let lines = db.read().await?.fetch_all(find).await?;
        all.extend(lines.into_iter().filter_map(|line| parse(service, line)));
    }
    Ok(all)
}

/// Parses a line of an outbox. Returns `None` if the aggregate id is not a number, so the event belongs to no
/// booking.
fn parse(service: &'static str, (id, event, at): Line) -> Option<(i64, UnsentRow)> {
    Some((id.parse().ok()?, UnsentRow { service, event, occurred_at: Some(at) }))
}
