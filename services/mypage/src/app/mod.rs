//! Remembering an event, and reading what came of it.

mod read_mypages;
mod remember_event;

pub use read_mypages::{find_mypage, list_mypages};
pub use remember_event::remember_event;
