//! What the provider charged and refunded.
//!
//! The ledger is in the order of its own numbers, not of the bookings. So each page of stories reads the
//! lines of its references, and a scan of the whole ledger finds the charges of bookings that no service
//! knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use audit::Story;
use audit::report::LedgerSeen;
use audit::story::MovementRow;
use sqlx::FromRow;
use storage::{Db, Error, query_as, query_as_built};

use crate::databases::{Databases, Provider};
use crate::rows::story_of;

/// Number of lines that one query of a scan reads.
const PAGE: i64 = 2_000;
/// Number of references in one query; each has a few lines.
const AT_ONCE: usize = 500;

#[derive(FromRow)]
struct Line {
    seq: i64,
    reference: String,
    kind: String,
    amount: i64,
    currency: String,
    created_at: i64,
}

/// Adds to `stories` the movements under the references of the bookings `ids`, and under the references that
/// their payments name.
pub async fn add(provider: &Provider, stories: &mut BTreeMap<i64, Story>, ids: &[i64]) -> Result<(), Error> {
    let mut bookings = HashMap::new();
    for id in ids {
        bookings.insert(reference(provider, *id), *id);
    }
    for story in stories.values_mut() {
        story.movements.get_or_insert_default();
        let named = story.payments.iter().filter_map(|payment| payment.reference.clone());
        bookings.extend(named.map(|text| (text, story.booking_id)));
    }
    // Text that is no reference has no line in the ledger, and must not become part of a statement.
    bookings.retain(|text, _| is_reference(text));
    let references: Vec<&String> = bookings.keys().collect();
    for references in references.chunks(AT_ONCE) {
        let list = references.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(",");
        let select = format!(
            "SELECT seq, reference, kind, amount, currency, created_at FROM ledger
             WHERE reference IN ({list}) ORDER BY seq"
        );
        for line in provider.db.read().await?.fetch_all::<Line>(query_as_built(select)).await? {
            let Some(booking_id) = bookings.get(&line.reference).copied() else { continue };
            let Line { seq, reference, kind, amount, currency, created_at } = line;
            let created_at = Some(created_at);
            let row = MovementRow { booking_id, seq, reference, kind, amount, currency, created_at };
            story_of(stories, booking_id).movements.get_or_insert_default().push(row);
        }
    }
    Ok(())
}

/// Reads the whole ledger, oldest line first.
pub struct Scan {
    db: Db,
    prefix: String,
    after: i64,
    seen: LedgerSeen,
}

impl Scan {
    pub fn new(provider: &Provider) -> Self {
        let prefix = prefix(provider);
        Self { db: provider.db.clone(), prefix, after: 0, seen: LedgerSeen::default() }
    }

    /// The bookings of the next lines, or `None` after the last line. Lines of other fleets are only counted.
    pub async fn next(&mut self) -> Result<Option<Vec<i64>>, Error> {
        let page = query_as::<(i64, String, i64)>(
            "SELECT seq, reference,
                 CAST((SELECT MIN(seq) FROM ledger AS same WHERE same.reference = ledger.reference) AS BIGINT)
             FROM ledger WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(self.after)
        .bind(PAGE);
        let page = self.db.read().await?.fetch_all(page).await?;
        let Some((last, _, _)) = page.last() else { return Ok(None) };
        self.after = *last;
        let mut ids = Vec::new();
        for (seq, reference, first) in &page {
            let Some(id) = booking_of(&self.prefix, reference) else {
                self.seen.of_others += 1;
                continue;
            };
            self.seen.movements += 1;
            self.seen.highest_booking = self.seen.highest_booking.max(id);
            // Return each booking once, at the first line of its reference.
            if seq == first {
                ids.push(id);
            }
        }
        Ok(Some(ids))
    }

    /// Counts of the lines that were read.
    pub fn seen(self) -> LedgerSeen {
        self.seen
    }
}

/// The bookings among `ids` that neither book nor payment has a row of.
pub async fn unknown(databases: &Databases, ids: &[i64]) -> Result<Vec<i64>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    let mut known = BTreeSet::new();
    for (db, select) in [
        (&databases.book, format!("SELECT id FROM bookings WHERE id IN ({list})")),
        (&databases.payment, format!("SELECT booking_id FROM payments WHERE booking_id IN ({list})")),
    ] {
        let rows = db.read().await?.fetch_all::<(i64,)>(query_as_built(select)).await?;
        known.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(ids.iter().copied().filter(|id| !known.contains(id)).collect())
}

/// The highest booking id that book has ever assigned, or 0 if it has no booking. In a restored database,
/// this is higher than the id of any row, because `marquee restore` raises the next id above the ids in the
/// ledger.
pub async fn highest_booking(book: &Db) -> Result<i64, Error> {
    let find = query_as::<(i64,)>("SELECT CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM bookings");
    let mut conn = book.read().await?;
    let (highest,) = conn.fetch_one(find).await?;
    Ok(if highest == 0 { 0 } else { highest.max(conn.last_id("bookings").await?) })
}

fn prefix(provider: &Provider) -> String {
    format!("{}-booking-", provider.fleet_id)
}

fn reference(provider: &Provider, booking_id: i64) -> String {
    format!("{}{booking_id}", prefix(provider))
}

/// The booking of a reference that begins with `prefix`, or `None` if the reference belongs to another fleet.
fn booking_of(prefix: &str, reference: &str) -> Option<i64> {
    let id = reference.strip_prefix(prefix)?;
    id.parse().ok().filter(|number: &i64| *number > 0 && number.to_string() == id)
}

/// Whether the provider accepts such a text as a reference.
fn is_reference(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_other_fleets_have_no_booking() {
        let prefix = "k3x9-booking-";
        assert_eq!(booking_of(prefix, "k3x9-booking-17"), Some(17));
        for other in [
            "other-booking-17",
            "k3x9-booking-",
            "k3x9-booking-017",
            "k3x9-booking-0",
            "k3x9-booking--1",
            "k3x9-booking-1-booking-2",
            "order-9",
        ] {
            assert_eq!(booking_of(prefix, other), None, "{other}");
        }
    }

    #[test]
    fn text_with_quotes_is_not_a_reference() {
        assert!(is_reference("k3x9-booking-17"));
        assert!(!is_reference("a' OR 'a' = 'a") && !is_reference(""));
    }
}
