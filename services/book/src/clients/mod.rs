//! Other services.

mod payments;

pub use payments::{PaymentAnswer, Payments};
