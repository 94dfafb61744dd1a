//! Other services.

mod points;

pub use points::{Points, outcome_of};
