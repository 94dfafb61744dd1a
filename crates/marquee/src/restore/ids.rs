//! Raises ids above every one that was ever assigned: customers know them, events carry them, and the
//! payment provider names charges by them.
//!
//! Ids that the backup does not contain have left traces: in the databases that are replaced and their event
//! log, and in the references of the provider's charges. Only the service that assigns an id is trusted
//! with any number. A booking id in another service may come from a request that made it up, so such traces
//! count only near the ids of the owner.

use std::collections::BTreeMap;
use std::path::Path;

use events::TOPIC;
use storage::{Conn, Db, Error, query, query_as, query_as_built};

use crate::backup::names::{LOG, NAMES};
use crate::backup::stores::{last_ids, open_file};
use crate::data_dir::DataDir;
use crate::fleet::Process;

/// Added to the known ids of a service whose own database is missing or unreadable: unpaid bookings, for
/// example, have left no trace elsewhere.
const MARGIN: i64 = 10_000;
/// Maximum distance of a trace in another service from the highest id that the owner is known to have
/// assigned.
const FARTHEST_TRACE: i64 = 1_000_000;
const BOOK: &str = "book";
const BOOKINGS: &str = "bookings";
const SCREENINGS: &str = "screenings";

/// Databases that contain ids of book: the table of book, and a subquery for the ids.
const TRACES: [(&str, &str, &str); 7] = [
    ("payment", BOOKINGS, "SELECT booking_id AS id FROM payments"),
    ("ticket", BOOKINGS, "SELECT booking_id AS id FROM tickets"),
    ("ticket", SCREENINGS, "SELECT screening_id AS id FROM tickets"),
    ("point", BOOKINGS, "SELECT booking_id AS id FROM points"),
    ("mypage", BOOKINGS, "SELECT booking_id AS id FROM mypages"),
    ("mypage", SCREENINGS, "SELECT screening_id AS id FROM mypages"),
    (LOG, BOOKINGS, "SELECT CAST(key AS BIGINT) AS id FROM records"),
];
/// Events that carry an id of the service that publishes them: the service, its table, the types, and the
/// field.
const CARRIERS: [(&str, &str, &[&str], &str); 4] = [
    (BOOK, BOOKINGS, &["Booked", "Held", "HoldExpired", "CancelRequested", "Canceled"], "$.id"),
    (BOOK, SCREENINGS, &["Booked", "Held"], "$.screeningId"),
    ("payment", "payments", &["Paid", "PaymentCanceled"], "$.id"),
    ("point", "points", &["WaitedPoint", "WrittenPoint"], "$.id"),
];

/// The highest ids that are known to have been assigned.
#[derive(Debug, Default)]
pub struct LastIds {
    /// The ids that the services themselves have assigned.
    own: BTreeMap<(&'static str, String), i64>,
    /// The ids that other services and the provider know.
    traced: BTreeMap<(&'static str, String), i64>,
    /// Services whose own database is missing or unreadable.
    lost: Vec<&'static str>,
    /// Databases to be replaced that could not be read.
    pub unreadable: Vec<&'static str>,
    /// Ids that are ignored.
    pub strays: Vec<Stray>,
    /// The provider was asked about a booking of this fleet.
    pub is_known_to_provider: bool,
}

/// Ids in the form of book's that book never assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The database that contains them.
    pub place: &'static str,
    /// The noun for the entity that they would identify.
    pub noun: &'static str,
    pub highest: i64,
    pub count: i64,
}

/// The contents of book's database after its ids were raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    pub bookings: i64,
    /// The highest booking id that was ever assigned.
    pub last_booking: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read and raise the ids of {0}.db")]
pub struct IdsError(pub &'static str, #[source] Error);

impl LastIds {
    /// Reads the ids from the databases in `next`, from the databases in `data_dir` that they replace, and
    /// from the charges of the fleet `fleet_id` in the provider's ledger.
    ///
    /// # Errors
    ///
    /// When one of the databases in `next` cannot be read. A damaged database in `data_dir` is a reason to
    /// restore, so it is no error.
    pub async fn known(data_dir: &DataDir, next: &Path, fleet_id: Option<&str>) -> Result<Self, IdsError> {
        let mut known = Self::default();
        for name in NAMES {
            let url = data_dir.database_url_in(next, name);
            known.open(name, &url).await.map_err(|error| IdsError(name, error))?.close().await;
        }
        let mut replaced = Vec::new();
        for name in NAMES {
            if !data_dir.root().join(format!("{name}.db")).exists() {
                known.lost.push(name);
                continue;
            }
            match known.open(name, &data_dir.database_url(name)).await {
                Ok(db) => replaced.push((name, db)),
                Err(_) => known.cannot_read(name),
            }
        }
        // Traces are compared with the ids that the services themselves have assigned, so those are read
        // first.
        for (name, db) in replaced {
            if known.follow_traces(name, &db).await.is_err() {
                known.cannot_read(name);
            }
            db.close().await;
        }
        let provider = Process::Processor.name();
        if let Some(fleet_id) = fleet_id
            && data_dir.root().join(format!("{provider}.db")).exists()
            && known.follow_provider(&data_dir.database_url(provider), fleet_id).await.is_err()
        {
            known.unreadable.push(provider);
        }
        Ok(known)
    }

    fn cannot_read(&mut self, name: &'static str) {
        self.unreadable.push(name);
        self.lost.push(name);
    }

    /// Opens a database, and notes the ids that its service has assigned.
    async fn open(&mut self, name: &'static str, url: &str) -> Result<Db, Error> {
        let db = open_file(url).await?;
        let noted = self.note_own_ids(name, &db).await;
        if noted.is_err() {
            db.close().await;
        }
        noted.map(|()| db)
    }

    async fn note_own_ids(&mut self, name: &'static str, db: &Db) -> Result<(), Error> {
        let mut conn = db.read().await?;
        for (table, id) in last_ids(&mut conn).await? {
            note(&mut self.own, name, &table, id);
        }
        if name == LOG {
            for (service, table, types, field) in CARRIERS {
                let id = carried(&mut conn, types, field).await?;
                note(&mut self.own, service, table, id);
            }
        }
        Ok(())
    }

    async fn follow_traces(&mut self, name: &'static str, db: &Db) -> Result<(), Error> {
        let mut conn = db.read().await?;
        for (_, table, ids) in TRACES.into_iter().filter(|(place, ..)| *place == name) {
            self.follow(name, table, ids, None, &mut conn).await?;
        }
        Ok(())
    }

    /// Follows the references at the provider, charged or not.
    async fn follow_provider(&mut self, url: &str, fleet_id: &str) -> Result<(), Error> {
        let db = open_file(url).await?;
        let followed = async {
            let ids = "SELECT CAST(SUBSTR(reference, LENGTH($2) + 1) AS BIGINT) AS id FROM payments
                       WHERE SUBSTR(reference, 1, LENGTH($2)) = $2";
            let prefix = format!("{fleet_id}-booking-");
            let mut conn = db.read().await?;
            self.follow(Process::Processor.name(), BOOKINGS, ids, Some(prefix), &mut conn).await
        };
        let found = followed.await;
        db.close().await;
        self.is_known_to_provider = found?;
        Ok(())
    }

    /// Notes the highest of `ids` that book can have assigned, and higher ones as strays. Returns whether
    /// there are any ids.
    async fn follow(
        &mut self,
        place: &'static str,
        table: &'static str,
        ids: &'static str,
        argument: Option<String>,
        conn: &mut Conn,
    ) -> Result<bool, Error> {
        let own = self.own.get(&(BOOK, table.to_owned())).copied().unwrap_or_default();
        let mut find = query_as_built::<(i64, i64, i64)>(format!(
            "SELECT CAST(COALESCE(MAX(CASE WHEN id <= $1 THEN id END), 0) AS BIGINT),
                 CAST(COALESCE(MAX(CASE WHEN id > $1 THEN id END), 0) AS BIGINT),
                 CAST(COUNT(DISTINCT CASE WHEN id > $1 THEN id END) AS BIGINT) FROM ({ids}) AS ids"
        ))
        .bind(own.saturating_add(FARTHEST_TRACE));
        if let Some(argument) = argument {
            find = find.bind(argument);
        }
        let (id, highest, count) = conn.fetch_one(find).await?;
        note(&mut self.traced, BOOK, table, id);
        if count > 0 {
            let noun = if table == BOOKINGS { "booking" } else { "screening" };
            self.strays.push(Stray { place, noun, highest, count });
        }
        Ok(id > 0 || count > 0)
    }

    /// The highest id of `table` that must not be assigned again.
    fn last(&self, service: &'static str, table: &str) -> i64 {
        let key = (service, table.to_owned());
        let known = [&self.own, &self.traced].map(|ids| ids.get(&key).copied().unwrap_or_default());
        let margin = if service != LOG && self.lost.contains(&service) { MARGIN } else { 0 };
        known[0].max(known[1]).saturating_add(margin)
    }

    /// Raises the ids of the databases in `next`, so that no id is assigned again.
    ///
    /// # Errors
    ///
    /// When a database cannot be written.
    pub async fn raise(&self, data_dir: &DataDir, next: &Path) -> Result<Raised, IdsError> {
        let mut in_book = Raised { bookings: 0, last_booking: 0 };
        for name in NAMES {
            let fail = |error| IdsError(name, error);
            let db = open_file(&data_dir.database_url_in(next, name)).await.map_err(fail)?;
            let raised = async {
                self.raise_in(name, &db).await?;
                if name == BOOK {
                    let mut conn = db.read().await?;
                    let count = query_as::<(i64,)>("SELECT CAST(COUNT(*) AS BIGINT) FROM bookings");
                    let (bookings,) = conn.fetch_one(count).await?;
                    in_book = Raised { bookings, last_booking: conn.last_id(BOOKINGS).await? };
                }
                Ok(())
            };
            let raised = raised.await;
            db.close().await;
            raised.map_err(fail)?;
        }
        Ok(in_book)
    }

    async fn raise_in(&self, name: &'static str, db: &Db) -> Result<(), Error> {
        let mut tx = db.begin().await?;
        let tables = query_as::<(String,)>(
            "SELECT CAST(name AS TEXT) FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'",
        );
        for (table,) in tx.fetch_all(tables).await? {
            let id = self.last(name, &table);
            if id == 0 {
                continue;
            }
            let raise = query("UPDATE sqlite_sequence SET seq = $1 WHERE name = $2 AND seq < $1");
            tx.execute(raise.bind(id).bind(table.clone())).await?;
            // SQLite adds the row of a table only with its first insert.
            let begin = query(
                "INSERT INTO sqlite_sequence (name, seq) SELECT $2, $1
                 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $2)",
            );
            tx.execute(begin.bind(id).bind(table)).await?;
        }
        tx.commit().await
    }
}

fn note(ids: &mut BTreeMap<(&'static str, String), i64>, service: &'static str, table: &str, id: i64) {
    let highest = ids.entry((service, table.to_owned())).or_default();
    *highest = id.max(*highest);
}

/// The highest number in `field` of the events of these types. Records that are not JSON are ignored.
async fn carried(conn: &mut Conn, types: &[&str], field: &'static str) -> Result<i64, Error> {
    let types = types.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let find = query_as_built::<(i64,)>(format!(
        "SELECT CAST(COALESCE(MAX(CASE WHEN json_valid(event) = 0 THEN 0
             WHEN json_extract(event, '$.eventType') IN ({types})
             THEN CAST(json_extract(event, $2) AS BIGINT) ELSE 0 END), 0) AS BIGINT)
         FROM (SELECT CAST(payload AS TEXT) AS event FROM records WHERE topic = $1 AND payload IS NOT NULL) AS events"
    ));
    Ok(conn.fetch_one(find.bind(TOPIC).bind(field)).await?.0)
}
