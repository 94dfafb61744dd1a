//! What a ticket is, and its transitions. No clock, no database, no network.

mod ticket;

pub use ticket::{AwardOutcome, Change, CollectRefused, Row, Status, Ticket};
