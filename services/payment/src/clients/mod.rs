//! Who takes the money.

mod processor;

pub use processor::{Declined, InvalidLatency, Latency, Processor};
