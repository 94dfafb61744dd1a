//! Other services.

mod payments;

pub use payments::{FoundPayment, PaymentAnswer, PaymentStatus, Payments};
