//! One file a use case; requests and events alike lead here.
//!
//! Each takes the transaction of its door and never awaits the network.

mod grant_points;
mod wait_points;

pub use grant_points::{Outcome, grant_points};
pub use wait_points::wait_points;
