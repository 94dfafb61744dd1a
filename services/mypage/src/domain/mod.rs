//! The effect of each event on the view, in any order, without clock, database or network.

mod mypage;
mod rebuild;
mod story;

pub use mypage::{Ending, Mypage, Order, Progress, Status};
pub use rebuild::Stage;
pub use story::{Entry, Story, timeline_position};
