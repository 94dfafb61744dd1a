//! What an event changes, whatever came before it. No clock, no database, no network.

mod mypage;
mod story;

pub use mypage::{Mypage, Order, Status};
pub use story::{Entry, Story, chapter};
