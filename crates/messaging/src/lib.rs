//! Events that commit with the state they tell of, travel at least once, and are applied exactly once.
//!
//! # Layout
//!
//! In the order an event travels:
//!
//! - [`outbox`]: the event row that commits with the state.
//! - [`relay`]: unsent rows → transport.
//! - [`transport`]: what a transport must do; [`embedded`] is the one for a laptop, a log in one SQLite file, and
//!   [`kafka`] the one for everything else.
//! - [`consumer`]: transport → decode → inbox → use case, in one transaction; retries and dead letters around it.
//! - [`waiters`]: requests that wait for the events of one booking.
//! - [`inbox`]: the memory that makes a redelivered event harmless.
//! - [`incarnation`]: a topic that is deleted and made again, noticed and made up for.
//! - [`dead_letter`]: where a record goes that no retry will help, and the way back.
//! - `outage`: logging what is away, once a minute.
//! - [`seed_time`]: the time zone of the original services, which their events do not name.
//! - [`retention`]: old rows are deleted.
//! - [`backends`]: which database and which event log a service is on.

pub mod backends;
pub mod consumer;
pub mod dead_letter;
pub mod embedded;
pub mod inbox;
pub mod incarnation;
pub mod kafka;
mod outage;
pub mod outbox;
pub mod relay;
pub mod retention;
pub mod seed_time;
pub mod transport;
pub mod waiters;

pub use backends::{Backends, EventLog};
pub use consumer::{Consumer, Delivery, Failure, Handler};
pub use relay::Relay;
pub use seed_time::SeedTimeZone;
pub use transport::{
    EventsUrl, History, KafkaUrl, Position, Received, Record, Subscription, Transport, TransportError,
    connect, last_positions,
};
pub use waiters::{Waiter, Waiters};

/// The tables of outbox and inbox, which every service has.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();
