//! A ticket and its transitions, without clock, database or network.

mod ticket;

pub use ticket::{AwardOutcome, Change, CollectRefused, Row, Status, Ticket};
