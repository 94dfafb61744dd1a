//! Audits a fleet by reading its databases and the provider's ledger, and repairs what is safe to repair.
//!
//! The crate `audit` decides what is wrong with a story; this crate reads the stories.
//!
//! # Layout
//!
//! - [`databases`]: the databases of a fleet, and its payment provider.
//! - `select`: the statements that read the rows of a story.
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
//! The audit reads pages of rows in the order of their bookings, and drops each booking without a violation at once. So an audit of
//! a million bookings needs no more memory than one of a thousand: a few megabytes. The report keeps the stories that it shows, and
//! counts all others that have violations.

pub mod databases;
mod fleet;
mod ledger;
mod pages;
mod places;
pub mod repair;
mod rows;
mod select;
mod stories;
mod unsent;

pub use databases::{Databases, Provider};
pub use fleet::audit;
pub use ledger::highest_booking;
pub use stories::story;
