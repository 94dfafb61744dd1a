//! Calls to the payment provider.

mod processor;

pub use processor::{ChargeAnswer, Found, Processor, settings};
