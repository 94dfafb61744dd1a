//! Ids go on beyond every one that was ever given out: customers have them, events carry them, and the payment provider knows
//! charges by them.
//!
//! What the backup does not know is found where it has left a trace: in the databases that are replaced and their event log,
//! and in the names of the provider's charges.

use std::collections::BTreeMap;
use std::path::Path;

use events::TOPIC;
use storage::{Conn, Db, Error, query, query_as};

use crate::backup::stores::{LOG, NAMES, last_ids, open_file};
use crate::data_dir::DataDir;
use crate::fleet::Process;

/// Added to the booking ids that are known if book's own database is not there or cannot be read: bookings that were never paid
/// have left no trace elsewhere.
const MARGIN: i64 = 10_000;
const BOOK: &str = "book";
const BOOKINGS: &str = "bookings";
const SCREENINGS: &str = "screenings";

/// Where a database has ids of another one: their service and table, and how to find the highest.
const TRACES: [(&str, &str, &str, &str); 7] = [
    ("payment", BOOK, BOOKINGS, "SELECT CAST(COALESCE(MAX(booking_id), 0) AS BIGINT) FROM payments"),
    ("ticket", BOOK, BOOKINGS, "SELECT CAST(COALESCE(MAX(booking_id), 0) AS BIGINT) FROM tickets"),
    ("ticket", BOOK, SCREENINGS, "SELECT CAST(COALESCE(MAX(screening_id), 0) AS BIGINT) FROM tickets"),
    ("point", BOOK, BOOKINGS, "SELECT CAST(COALESCE(MAX(booking_id), 0) AS BIGINT) FROM points"),
    ("mypage", BOOK, BOOKINGS, "SELECT CAST(COALESCE(MAX(booking_id), 0) AS BIGINT) FROM mypages"),
    ("mypage", BOOK, SCREENINGS, "SELECT CAST(COALESCE(MAX(screening_id), 0) AS BIGINT) FROM mypages"),
    (LOG, BOOK, BOOKINGS, "SELECT CAST(COALESCE(MAX(CAST(key AS BIGINT)), 0) AS BIGINT) FROM records"),
];
/// Events that carry an id of their service: the service, its table, the types, and the field.
const CARRIERS: [(&str, &str, [&str; 2], &str); 3] = [
    ("payment", "payments", ["Paid", "PaymentCanceled"], "$.id"),
    ("point", "points", ["WaitedPoint", "WrittenPoint"], "$.id"),
    (BOOK, SCREENINGS, ["Booked", "Held"], "$.screeningId"),
];

/// The highest ids that are known to have been given out.
#[derive(Debug, Default)]
pub struct LastIds {
    by_table: BTreeMap<(&'static str, String), i64>,
    /// Databases that are replaced and could not be read.
    pub unreadable: Vec<&'static str>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot raise the ids of {0}.db")]
pub struct IdsError(&'static str, #[source] Error);

impl LastIds {
    /// Of what is in `data_dir`, and of the charges of the fleet `fleet_id` in the provider's ledger.
    pub async fn known(data_dir: &DataDir, fleet_id: Option<&str>) -> Self {
        let mut known = Self::default();
        for name in NAMES {
            if !data_dir.root().join(format!("{name}.db")).exists() {
                continue;
            }
            // A damaged database is a reason for a restore, and none against it.
            if known.look(name, &data_dir.database_url(name)).await.is_err() {
                known.unreadable.push(name);
            }
        }
        let provider = Process::Processor.name();
        if let Some(fleet_id) = fleet_id
            && data_dir.root().join(format!("{provider}.db")).exists()
            && known.look_at_provider(&data_dir.database_url(provider), fleet_id).await.is_err()
        {
            known.unreadable.push(provider);
        }
        known
    }

    async fn look(&mut self, name: &'static str, url: &str) -> Result<(), Error> {
        let db = open_file(url).await?;
        let looked = self.look_into(name, &db).await;
        db.close().await;
        looked
    }

    async fn look_into(&mut self, name: &'static str, db: &Db) -> Result<(), Error> {
        let mut conn = db.read().await?;
        for (table, id) in last_ids(&mut conn).await? {
            self.note(name, &table, id);
        }
        for (_, service, table, sql) in TRACES.into_iter().filter(|(of, ..)| *of == name) {
            let (id,) = conn.fetch_one(query_as::<(i64,)>(sql)).await?;
            self.note(service, table, id);
        }
        if name == LOG {
            for (service, table, types, field) in CARRIERS {
                let id = carried(&mut conn, types, field).await?;
                self.note(service, table, id);
            }
        }
        Ok(())
    }

    /// Every reference that the provider was asked about counts, charged or not.
    async fn look_at_provider(&mut self, url: &str, fleet_id: &str) -> Result<(), Error> {
        let db = open_file(url).await?;
        let prefix = format!("{fleet_id}-booking-");
        let find = query_as::<(i64,)>(
            "SELECT CAST(COALESCE(MAX(CAST(SUBSTR(reference, LENGTH($1) + 1) AS BIGINT)), 0) AS BIGINT)
             FROM payments WHERE SUBSTR(reference, 1, LENGTH($1)) = $1",
        );
        let found = async { db.read().await?.fetch_one(find.bind(prefix)).await }.await;
        db.close().await;
        self.note(BOOK, BOOKINGS, found?.0);
        Ok(())
    }

    fn note(&mut self, service: &'static str, table: &str, id: i64) {
        let highest = self.by_table.entry((service, table.to_owned())).or_default();
        *highest = id.max(*highest);
    }

    /// Raises the ids of the databases in `stage`, so that none is given out again. Returns the highest id of a booking that was.
    ///
    /// # Errors
    ///
    /// When a database cannot be written.
    pub async fn raise(mut self, data_dir: &DataDir, stage: &Path) -> Result<i64, IdsError> {
        let book_is_known = data_dir.root().join("book.db").exists() && !self.unreadable.contains(&BOOK);
        let mut last_booking = 0;
        for name in NAMES {
            let fail = |error| IdsError(name, error);
            let url = data_dir.database_url_in(stage, name);
            let db = open_file(&url).await.map_err(fail)?;
            let raised = async {
                if name == BOOK {
                    let saved = db.read().await?.last_id(BOOKINGS).await?;
                    self.note(BOOK, BOOKINGS, saved);
                    if !book_is_known {
                        let known = self.by_table[&(BOOK, BOOKINGS.to_owned())];
                        self.note(BOOK, BOOKINGS, known + MARGIN);
                    }
                }
                self.raise_in(name, &db).await?;
                if name == BOOK {
                    last_booking = db.read().await?.last_id(BOOKINGS).await?;
                }
                Ok(())
            };
            let raised = raised.await;
            db.close().await;
            raised.map_err(fail)?;
        }
        Ok(last_booking)
    }

    async fn raise_in(&self, name: &'static str, db: &Db) -> Result<(), Error> {
        let mut tx = db.begin().await?;
        for ((_, table), id) in self.by_table.iter().filter(|((of, _), _)| *of == name) {
            let raise = query("UPDATE sqlite_sequence SET seq = $1 WHERE name = $2 AND seq < $1");
            tx.execute(raise.bind(*id).bind(table.clone())).await?;
            // A table that never had a row has no line there.
            let begin = query(
                "INSERT INTO sqlite_sequence (name, seq) SELECT $2, $1
                 WHERE EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $2)
                   AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $2)",
            );
            tx.execute(begin.bind(*id).bind(table.clone())).await?;
        }
        tx.commit().await
    }
}

/// The highest number in `field` of the events of two types. What is no JSON counts for nothing.
async fn carried(conn: &mut Conn, types: [&'static str; 2], field: &'static str) -> Result<i64, Error> {
    let find = query_as::<(i64,)>(
        "SELECT CAST(COALESCE(MAX(CASE WHEN json_valid(event) = 0 THEN 0
             WHEN json_extract(event, '$.eventType') IN ($2, $3)
             THEN CAST(json_extract(event, $4) AS BIGINT) ELSE 0 END), 0) AS BIGINT)
         FROM (SELECT CAST(payload AS TEXT) AS event FROM records WHERE topic = $1 AND payload IS NOT NULL) AS events",
    );
    let [one, other] = types;
    Ok(conn.fetch_one(find.bind(TOPIC).bind(one).bind(other).bind(field)).await?.0)
}
