//! What an event changes, whatever came before it. No clock, no database, no network.

mod mypage;
mod rebuild;
mod story;

pub use mypage::{Ending, Mypage, Order, Progress, Status};
pub use rebuild::Stage;
pub use story::{Entry, Story, chapter};
