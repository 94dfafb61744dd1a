//! Applies events to the view, and rebuilds it.

mod apply_events;
mod rebuild_view;

pub use apply_events::{apply_events, replay_events};
pub use rebuild_view::{
    StepOutcome, begin_rebuild, clear_shadow, close_shadow, end_rebuild, open_shadow, show_shadow,
};
