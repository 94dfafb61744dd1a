//! Other services.

mod payments;

pub use payments::{PaymentAnswer, PaymentState, Payments};
