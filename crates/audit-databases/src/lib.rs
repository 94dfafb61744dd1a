//! Audits a fleet by reading its databases and the provider's ledger, and repairs what is safe to repair.
//!
//! The crate `audit` decides what is wrong with a story; this crate reads the stories.
//!
//! # Layout
//!
//! - [`databases`]: the databases of a fleet, and its payment provider.
//! - `rows`: reads the rows of a story from a database.
//! - `unsent`: the events that wait in the outboxes.
//! - `ledger`: the charges and refunds in the provider's ledger.
//! - `pages`: all stories, read from six tables side by side.
//! - `stories`: complete stories of a few bookings.
//! - `places`: the places left at each screening.
//! - `fleet`: [`audit()`], which audits every booking, and rereads those that look wrong before it reports them.
//! - [`repair`]: makes the repairs that are safe.
//!
//! # Memory
//!
//! Rows come in pages in the order of their bookings, and a booking is dropped as soon as it is found to be
//! right: an audit of a million bookings takes the same few megabytes as one of a thousand. Of the bookings
//! that are wrong, the report keeps as many stories as it shows, and counts the rest.

pub mod databases;
mod fleet;
mod ledger;
mod pages;
mod places;
pub mod repair;
mod rows;
mod stories;
mod unsent;

pub use databases::{Databases, Provider};
pub use fleet::audit;
pub use ledger::highest_booking;
pub use stories::story;
