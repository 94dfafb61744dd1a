//! What an event changes, in whatever order events arrive. No clock, no database, no network.

mod mypage;
mod rebuild;
mod story;

pub use mypage::{Ending, Mypage, Order, Progress, Status};
pub use rebuild::Stage;
pub use story::{Entry, Story, timeline_position};
