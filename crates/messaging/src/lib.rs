//! Events that commit with the state change that they describe, are delivered at least once, and are applied
//! exactly once.
//!
//! # Layout
//!
//! In the order in which an event travels:
//!
//! - [`outbox`]: the row of an event, which commits with the state change.
//! - [`relay`]: publishes unsent rows to the event log.
//! - [`consumer`]: receives and decodes events, drops those in the inbox, and calls the handler, in one transaction; retries,
//!   and publishes dead letters.
//! - [`inbox`]: the ids of applied events, which make a redelivered event harmless.
//! - [`waiters`]: requests that wait for the events of one booking.
//! - [`incarnation`]: notices when the event log was deleted and created again, and publishes the outbox
//!   again.
//! - [`dead_letter`]: keeps records that no retry can apply, and replays them.
//! - `spans`: the spans of publishing and of processing an event.
//! - [`retention`]: deletes old rows.
//! - [`event_log_args`]: which event log a process uses.
//! - [`backends`]: which database and which event log a service uses.

pub mod backends;
pub mod consumer;
pub mod dead_letter;
pub mod event_log_args;
pub mod inbox;
pub mod incarnation;
pub mod outbox;
pub mod relay;
pub mod retention;
mod spans;
pub mod waiters;

pub use backends::Backends;
pub use consumer::{BatchHandler, Consumer, Delivery, Failure, Handler};
pub use event_log_args::{EventLog, EventsUrl, InvalidEventsUrl, connect};
pub use relay::Relay;
pub use waiters::{Waiter, Waiters};

/// The tables of outbox and inbox, which every service has.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();
