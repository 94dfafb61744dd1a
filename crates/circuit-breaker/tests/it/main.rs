#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod layer;
mod machine;
mod meters;
mod model;
