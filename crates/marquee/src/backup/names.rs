//! What a backup contains.

/// The file of the event log.
pub const LOG: &str = "events";
/// The files of a backup, in the order in which they are locked. No service waits for one of them while it has locked another.
pub const NAMES: [&str; 6] = ["book", "payment", "ticket", "point", "mypage", LOG];
