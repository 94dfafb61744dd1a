//! Calls to other services.

mod points;

pub use points::{Points, outcome_of};
