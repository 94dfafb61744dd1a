//! One file per use case. Requests and events all call these functions.
//!
//! Each works in its caller's transaction and never awaits the network.

mod append_waiting_row;
mod grant_points;

pub use append_waiting_row::append_waiting_row;
pub use grant_points::{Outcome, grant_points};
