//! All that differs between SQLite and PostgreSQL, one named function each.

/// The database product behind a [`Db`](crate::Db).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    /// Begins a transaction that will write. SQLite takes its one write lock here, where waiting for it is bounded
    /// by the busy timeout, and not in the middle, where it would be a deadlock.
    pub fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that a power cut may undo even after its commit: it need not wait for the disk.
    pub fn begin_relaxed(self) -> [&'static str; 2] {
        match self {
            Self::Sqlite => ["PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE"],
            Self::Postgres => ["BEGIN", "SET LOCAL synchronous_commit = off"],
        }
    }

    /// What a connection must be told after a relaxed transaction, so that the next one is not relaxed.
    pub fn end_relaxed(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("PRAGMA synchronous = FULL"),
            Self::Postgres => None,
        }
    }

    /// Begins the transaction of all migrations. Where several processes may start at once, the others wait here until it is
    /// committed, as long as it takes.
    pub(crate) fn begin_migrations(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => {
                "BEGIN; SET LOCAL statement_timeout = 0; DO $$ BEGIN PERFORM pg_advisory_xact_lock(-1); END $$"
            }
        }
    }

    /// Waits until no other transaction holds the key `$1`, and holds it until this one ends. `None` where a writing
    /// transaction is alone anyway.
    pub(crate) fn lock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)"),
        }
    }

    /// Stands for the `number`th value of a statement that is put together by the program. SQLite looks for one with a name
    /// among all before it, which takes a second where there are thousands; so there they have none.
    pub(crate) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => "?".to_owned(),
            Self::Postgres => format!("${number}"),
        }
    }

    /// What each new connection is told.
    pub(crate) fn session(self, statement_timeout_ms: u128) -> Vec<String> {
        match self {
            Self::Sqlite => vec![
                format!("PRAGMA busy_timeout = {statement_timeout_ms}"),
                // Readers and the writer do not wait for each other.
                "PRAGMA journal_mode = WAL".to_owned(),
                // A commit that was answered survives a power cut.
                "PRAGMA synchronous = FULL".to_owned(),
                "PRAGMA foreign_keys = ON".to_owned(),
                // KiB, negative as the pragma wants it: the working set is small, six processes share a laptop.
                "PRAGMA cache_size = -1024".to_owned(),
            ],
            Self::Postgres => vec![format!("SET statement_timeout = {statement_timeout_ms}")],
        }
    }

    /// SQLite has one writer at a time; a second writing connection would only wait.
    pub(crate) fn has_one_writer(self) -> bool {
        self == Self::Sqlite
    }

    /// Whether the database's error code tells of a state that passes: away, full, overloaded, a lost race for a lock.
    ///
    /// Codes: <https://www.sqlite.org/rescode.html>, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub(crate) fn is_transient(self, code: &str) -> bool {
        match self {
            // The low byte is the primary code: BUSY, LOCKED, NOMEM, IOERR, FULL, CANTOPEN.
            Self::Sqlite => {
                code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 10 | 13 | 14))
            }
            // Connection exceptions, transaction rollback, insufficient resources, operator intervention, system error.
            Self::Postgres => ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class)),
        }
    }
}
