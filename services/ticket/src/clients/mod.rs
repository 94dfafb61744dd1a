//! Other services.

mod points;

pub use points::{Points, weigh};
