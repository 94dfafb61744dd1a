//! Whether the five services and the payment provider tell one story: compares what they keep of every booking, and mends what
//! is safe to mend.
//!
//! The auditor shares no rule with the services it audits: it reads their rows as they stand, statuses as text, and says in
//! [`compare`] what must be true of them. What it shares with them is the language of the events.
//!
//! # Layout
//!
//! - [`story`]: all that is known of one booking, as the services keep it.
//! - [`kind`]: every way in which a story can be wrong.
//! - [`clock`]: when a story counts as settled.
//! - [`found`]: what an audit finds.
//! - [`compare`]: what is wrong with a story. Pure.
//! - `charges`: what is wrong between a story and the provider's ledger. Pure.
//! - [`refunds`]: refunds that are under way, and those that are for too long. Pure.
//! - [`report`]: what an audit found.
//! - [`rest`]: the stories by the services' REST interface, where there is no access to their databases.
//! - [`auditor`]: one such audit at a time, for the gateway.
//! - `databases`: the stories from the databases. Behind the feature of that name.
//! - `repair`: what is safe to mend, and the mending of it. Behind the same.
//!
//! # In flight or wrong
//!
//! The databases are not read at one moment, and the services agree only in the end. So a story is looked at when nothing
//! has happened to it for a while, and what looks wrong is read again, whole, before it is called wrong.
//!
//! # Memory
//!
//! From the databases, rows come in pages in the order of their bookings, and a booking is forgotten as soon as it is found
//! to be right: it takes the same few megabytes for a thousand bookings and for a million. By REST, payments and points come in
//! an order of their own, so of each one the numbers are held, 50 to 100 bytes a booking, and the rest comes in pages too. Of
//! what is wrong, as many stories are kept as are to be shown; the rest is counted.

pub mod auditor;
mod charges;
pub mod clock;
pub mod compare;
#[cfg(feature = "databases")]
pub mod databases;
pub mod found;
pub mod kind;
pub mod refunds;
#[cfg(feature = "databases")]
pub mod repair;
pub mod report;
pub mod rest;
pub mod story;

pub use clock::Clock;
pub use compare::violations_of;
pub use kind::Kind;
pub use report::{Finding, Report, Terms};
pub use story::Story;
