//! What a row of the ledger is. No clock, no database, no network.

mod entry;
mod grant;

pub use entry::{Entry, Posting, Status};
pub use grant::{Grant, Score};
