//! A row of the ledger, without clock, database or network.

mod entry;
mod grant;

pub use entry::{Entry, Posting, Status};
pub use grant::{Grant, Score};
