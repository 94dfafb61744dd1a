//! The event log as services see it, and the log for one machine.
//!
//! # Layout
//!
//! - [`transport`]: the interface that every transport implements.
//! - [`incarnation`]: how a log begins, which shows whether it was deleted and created again.
//! - [`seed_time`]: the time zone of the original services, which their events do not name.
//! - [`embedded`]: the log in one SQLite file, which all processes of a machine share.

pub mod embedded;
pub mod incarnation;
pub mod seed_time;
pub mod transport;

pub use embedded::EmbeddedLog;
pub use seed_time::SeedTimeZone;
pub use transport::{
    History, Position, Received, Record, Subscription, Transport, TransportError, headers_from_json,
    headers_to_json, last_positions,
};
