//! What a ticket is and which way it may go. No clock, no database, no network.

mod ticket;

pub use ticket::{AwardOutcome, Change, CollectRefused, Row, Status, Ticket};
