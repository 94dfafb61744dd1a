//! The numbers of the locks on a PostgreSQL database.
//!
//! An advisory lock has a number instead of a name. Each database has numbers of its own, and everything that
//! uses the database shares them, so no two locks of a database may have the same number:
//!
//! | number | lock | taken by |
//! |---|---|---|
//! | below 0 | the constants of this module | this crate |
//! | 0 | none | |
//! | from 1 up | the id of the object that a rule is about; one kind of id per service | a service, with [`Tx::lock`] |
//! | from [`i64::MAX`] down | the tasks of a whole service, as constants | a service, with [`Tx::lock`] |
//!
//! Book locks customers, point locks bookings. A service that locks no ids may give its tasks numbers from 1,
//! as processor does. Ids come from clients, so a customer may have the id that is the number of a task. This
//! is safe as long as no transaction takes locks of both kinds: then one only waits for the other.
//! `tests/it/locks.rs` checks the numbers.
//!
//! Old and new processes share a database during a rolling upgrade, so a number never changes.
//!
//! [`Tx::lock`]: crate::Tx::lock

/// Running the migrations.
pub(crate) const MIGRATIONS: i64 = -1;
/// [`Task::Relay`](crate::Task::Relay).
pub(crate) const RELAY: i64 = -2;
/// [`Task::Rebuild`](crate::Task::Rebuild).
pub(crate) const REBUILD: i64 = -3;
