//! Checks that the five services and the payment provider agree on every booking.
//!
//! The audit shares no rule with the services that it checks: it reads their rows with statuses as text, and
//! [`compare`] states what must be true of them. Only the published language of the events is common to both.
//!
//! # Layout
//!
//! - [`story`]: all records of one booking, as the services keep them.
//! - [`kind`]: every way in which a story can be wrong.
//! - [`clock`]: when a story counts as settled.
//! - [`found`]: a single violation.
//! - [`compare`]: the violations of a story. Pure.
//! - `charges`: the violations between a story and the provider's ledger. Pure.
//! - [`refunds`]: refunds that are under way, and those that take too long. Pure.
//! - [`report`]: the result of an audit.
//! - [`rest`]: an audit by the services' REST interface, which needs no access to their databases.
//! - [`auditor`]: runs one such audit at a time, for the gateway.
//!
//! The crate `audit-databases` reads the stories from the databases, and repairs.
//!
//! # In flight or wrong
//!
//! The services agree only eventually, and their rows are not read at one moment. So a story counts only if
//! nothing has happened to it for a while, and a story that looks wrong is read again as a whole before it is
//! reported.
//!
//! # Memory
//!
//! The REST interface lists payments and points in the order of their own ids. So an audit keeps a few numbers of each, 50 to 100
//! bytes per booking, and reads everything else in pages. The report keeps the stories that it shows, and counts all others that
//! have violations.

pub mod auditor;
mod charges;
pub mod clock;
pub mod compare;
pub mod found;
pub mod kind;
pub mod refunds;
pub mod report;
pub mod rest;
pub mod story;

pub use clock::Clock;
pub use compare::violations_of;
pub use kind::Kind;
pub use report::{Finding, Report, Terms};
pub use story::Story;
