//! The ids of applied events, which make a redelivered event harmless.

use std::collections::{HashMap, HashSet};

use event_log::Position;
use events::TOPIC;
use events::headers::{self, Headers};
use jiff::Timestamp;
use storage::{Error, MAX_VALUES, Tx, query_as_built};

/// Values bound per row.
const COLUMNS: usize = 3;

/// Separates position and time in the id of an event without an id of its own.
const AT: char = '@';

/// The id under which the inbox remembers an event. Events of the original Java services have no id of their
/// own; theirs consists of the position in the topic and of the time at which the log appended the event, in
/// milliseconds: `movie/3/41@1614087148000`. The position alone is not enough, because a topic that is
/// created again has other events at the same positions.
///
/// `appended_at` is `None` for a dead letter of an earlier version, which does not record it.
pub fn event_id(headers: &Headers, position: Position, appended_at: Option<Timestamp>) -> String {
    if let Some(id) = headers::find(headers, headers::ID) {
        return id.to_owned();
    }
    let Position { partition, offset } = position;
    let place = format!("{TOPIC}/{partition}/{offset}");
    appended_at.map_or(place.clone(), |at| format!("{place}{AT}{}", at.as_millisecond()))
}

/// Splits such an id into the position and the time in milliseconds.
fn position_and_time(event_id: &str) -> Option<(&str, i64)> {
    let (place, at) = event_id.strip_prefix(TOPIC)?.starts_with('/').then(|| event_id.split_once(AT))??;
    Some((place, at.parse().ok()?))
}

/// Records that `consumer` applies the events `event_ids` in this transaction, and returns those that it has
/// not applied before.
pub async fn first_times(
    tx: &mut Tx,
    consumer: &'static str,
    event_ids: &[&str],
) -> Result<HashSet<String>, Error> {
    // Sorted, so that two processes with the same events do not deadlock.
    let mut event_ids = event_ids.to_vec();
    event_ids.sort_unstable();
    event_ids.dedup();
    let by_position = seen_by_position(tx, consumer, &event_ids).await?;
    event_ids.retain(|event_id| !by_position.contains(*event_id));
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

/// Returns those of `event_ids` that an earlier version has applied, which recorded the position alone. If an
/// entry is older than the event, it belongs to another event, at the same position of an earlier topic.
async fn seen_by_position(
    tx: &mut Tx,
    consumer: &'static str,
    event_ids: &[&str],
) -> Result<HashSet<String>, Error> {
    let placed: Vec<_> =
        event_ids.iter().filter_map(|id| position_and_time(id).map(|(place, ms)| (*id, place, ms))).collect();
    let mut seen = HashSet::new();
    for placed in placed.chunks(MAX_VALUES - 1) {
        let places: Vec<_> = (2..placed.len() + 2).map(|value| format!("${value}")).collect();
        let mut find = query_as_built::<(String, i64)>(format!(
            "SELECT event_id, seen_at FROM inbox WHERE consumer = $1 AND event_id IN ({})",
            places.join(", ")
        ));
        find = find.bind(consumer);
        for (_, place, _) in placed {
            find = find.bind((*place).to_owned());
        }
        let known: HashMap<String, i64> = tx.fetch_all(find).await?.into_iter().collect();
        let is_known = |place: &str, ms: i64| known.get(place).is_some_and(|seen_at| seen_at / 1_000 >= ms);
        seen.extend(
            placed.iter().filter(|(_, place, ms)| is_known(place, *ms)).map(|(id, ..)| (*id).to_owned()),
        );
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_without_an_id_is_known_by_position_and_time() {
        let position = Position { partition: 3, offset: 41 };
        let at = Timestamp::from_millisecond(1_614_087_148_000).unwrap();
        let id = event_id(&Vec::new(), position, Some(at));
        assert_eq!(id, "movie/3/41@1614087148000");
        assert_eq!(position_and_time(&id), Some(("movie/3/41", 1_614_087_148_000)));
        assert_eq!(event_id(&Vec::new(), position, None), "movie/3/41");
    }

    #[test]
    fn other_ids_contain_no_position() {
        for id in ["movie/3/41", "0195-7", "a@1", "movies/1/2@3", "movie/1/2@x", "movie"] {
            assert_eq!(position_and_time(id), None, "{id}");
        }
    }
}
