//! The names of the files in a backup.

/// The name of the event log's file.
pub const LOG: &str = "events";
/// The names of the databases, in the order in which they are locked. No service waits for one while it has
/// locked another.
pub const NAMES: [&str; 6] = ["book", "payment", "ticket", "point", "mypage", LOG];
