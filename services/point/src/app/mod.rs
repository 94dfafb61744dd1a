//! One file per use case. Requests and events all call these functions.
//!
//! Each works in its caller's transaction and never awaits the network.

mod grant_points;
mod wait_points;

pub use grant_points::{Outcome, grant_points};
pub use wait_points::wait_points;
