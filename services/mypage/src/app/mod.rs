//! Remembering events, reading what came of it, and making it anew.

mod rebuild_view;
mod remember_events;

pub use rebuild_view::{
    Taken, begin_rebuild, clear_shadow, close_shadow, end_rebuild, open_shadow, show_shadow,
};
pub use remember_events::{remember_events, retell_events};
