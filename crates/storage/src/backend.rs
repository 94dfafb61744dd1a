//! All differences between SQLite and PostgreSQL, one function each.

use crate::locks::MIGRATIONS;

/// The database product behind a [`Db`](crate::Db).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// The cause of a failed statement: what must change before the statement can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The statement itself: its values violate a constraint, or are out of range.
    Statement,
    /// Nothing: the database is unreachable or overloaded, or a race for a lock was lost.
    Outage,
    /// The database, which answers but is read-only or full, or lacks a table or a permission. An operator
    /// must act.
    Refusal,
}

impl Backend {
    /// The product's name in spans, as OpenTelemetry spells it.
    pub(crate) fn system_name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// Begins a transaction that will write. SQLite takes its only write lock here, where the busy timeout
    /// bounds the wait. In the middle of the transaction, the wait would be a deadlock.
    pub fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction whose commit does not wait for the disk, so that a power cut may undo it.
    pub fn begin_relaxed(self) -> [&'static str; 2] {
        match self {
            Self::Sqlite => ["PRAGMA synchronous = NORMAL", "BEGIN IMMEDIATE"],
            Self::Postgres => ["BEGIN", "SET LOCAL synchronous_commit = off"],
        }
    }

    /// Resets a connection after a relaxed transaction, so that the next one waits for the disk.
    pub fn end_relaxed(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => Some("PRAGMA synchronous = FULL"),
            Self::Postgres => None,
        }
    }

    /// Begins the transaction of all migrations, with the lock [`MIGRATIONS`]. Other processes that start at
    /// the same time wait here until it is committed, however long that takes.
    pub(crate) fn begin_migrations(self) -> String {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE".to_owned(),
            Self::Postgres => format!(
                "BEGIN; SET LOCAL statement_timeout = 0; DO $$ BEGIN PERFORM pg_advisory_xact_lock({MIGRATIONS}); END $$"
            ),
        }
    }

    /// Waits until no other transaction holds the lock `$1`, and holds it until this transaction ends. `None`
    /// on SQLite, which has one writing transaction at a time.
    pub(crate) fn lock(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)"),
        }
    }

    /// The placeholder of the `number`th value of a statement that the program builds. SQLite compares each
    /// named placeholder with all earlier ones, which takes a second for thousands, so its placeholders have
    /// no names.
    pub(crate) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => "?".to_owned(),
            Self::Postgres => format!("${number}"),
        }
    }

    /// The settings of each new connection.
    pub(crate) fn session(self, statement_timeout_ms: u128) -> Vec<String> {
        match self {
            Self::Sqlite => vec![
                format!("PRAGMA busy_timeout = {statement_timeout_ms}"),
                // Readers and the writer do not wait for each other.
                "PRAGMA journal_mode = WAL".to_owned(),
                // A committed transaction survives a power cut.
                "PRAGMA synchronous = FULL".to_owned(),
                "PRAGMA foreign_keys = ON".to_owned(),
                // In KiB, for which the pragma takes negative numbers. It is small, because six processes
                // share a laptop.
                "PRAGMA cache_size = -1024".to_owned(),
            ],
            Self::Postgres => vec![format!("SET statement_timeout = {statement_timeout_ms}")],
        }
    }

    /// Whether a second writing connection would only wait for the first, as on SQLite.
    pub(crate) fn has_one_writer(self) -> bool {
        self == Self::Sqlite
    }

    /// Selects the highest id that the table `$1` has ever assigned.
    pub(crate) fn last_id(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM sqlite_sequence WHERE name = $1"
            }
            Self::Postgres => {
                "SELECT CAST(COALESCE(MAX(last_value), 0) AS BIGINT) FROM pg_sequences
                 WHERE schemaname = current_schema() AND sequencename = CAST($1 AS TEXT) || '_id_seq'"
            }
        }
    }

    /// Selects the names of the tables.
    pub(crate) fn tables(self) -> &'static str {
        match self {
            Self::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Self::Postgres => {
                "SELECT CAST(relname AS TEXT) FROM pg_class
                 WHERE relkind = 'r'
                   AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
            }
        }
    }

    /// Checks whether the database accepts writes.
    ///
    /// On SQLite, this is a write that changes nothing, fails if the file is read-only, and must be rolled
    /// back. On PostgreSQL, each row contains whether the session is read-only, and the name of a table that
    /// the user may not write to, or NULL.
    pub(crate) fn writability(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA user_version = 0",
            Self::Postgres => {
                "SELECT current_setting('transaction_read_only'), CAST(relname AS TEXT)
                 FROM (SELECT 1) AS one LEFT JOIN pg_class
                   ON relkind = 'r'
                   AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                   AND NOT (has_table_privilege(pg_class.oid, 'INSERT') AND has_table_privilege(pg_class.oid, 'UPDATE'))"
            }
        }
    }

    /// The cause of the error `code`.
    ///
    /// Codes: <https://www.sqlite.org/rescode.html>,
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub(crate) fn cause_of(self, code: &str) -> Cause {
        match self {
            // The low byte is the primary code.
            Self::Sqlite => match code.parse::<u32>().unwrap_or_default() & 0xff {
                // TOOBIG, CONSTRAINT, MISMATCH.
                18..=20 => Cause::Statement,
                // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, CANTOPEN, PROTOCOL, SCHEMA.
                5 | 6 | 7 | 9 | 10 | 14 | 15 | 17 => Cause::Outage,
                _ => Cause::Refusal,
            },
            // An operator must free a full disk. The other resources of its class recover without an
            // operator.
            Self::Postgres if code == "53100" => Cause::Refusal,
            Self::Postgres => match code.get(..2).unwrap_or_default() {
                // Data exception, integrity constraint violation, program limit exceeded (a value too long
                // for an index).
                "22" | "23" | "54" => Cause::Statement,
                // Connection exception, transaction rollback, insufficient resources, operator intervention,
                // system error.
                "08" | "40" | "53" | "57" | "58" => Cause::Outage,
                _ => Cause::Refusal,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_violated_constraints_and_values_out_of_range_are_caused_by_the_statement() {
        // NOT NULL, unique, check; a number out of range, U+0000 in a text, a text too long for an index.
        for code in ["23502", "23505", "23514", "22003", "22021", "54000"] {
            assert_eq!(Backend::Postgres.cause_of(code), Cause::Statement, "{code}");
        }
        // Read-only, no permission, a missing table or column, a failed transaction, a full disk, a wrong
        // password.
        for code in ["25006", "42501", "42P01", "42703", "25P02", "53100", "28P01", "3D000", "XX000", ""] {
            assert_eq!(Backend::Postgres.cause_of(code), Cause::Refusal, "{code}");
        }
        for code in ["08006", "40001", "40P01", "53300", "57014", "57P01", "58030"] {
            assert_eq!(Backend::Postgres.cause_of(code), Cause::Outage, "{code}");
        }
        // CONSTRAINT, its UNIQUE, TOOBIG, MISMATCH.
        for code in ["19", "2067", "18", "20"] {
            assert_eq!(Backend::Sqlite.cause_of(code), Cause::Statement, "{code}");
        }
        // ERROR (no such table), PERM, READONLY and its DBMOVED, FULL, NOTADB, an unknown code.
        for code in ["1", "3", "8", "1032", "13", "26", "x"] {
            assert_eq!(Backend::Sqlite.cause_of(code), Cause::Refusal, "{code}");
        }
        for code in ["5", "517", "6", "10", "14"] {
            assert_eq!(Backend::Sqlite.cause_of(code), Cause::Outage, "{code}");
        }
    }
}
