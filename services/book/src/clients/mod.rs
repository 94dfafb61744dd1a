//! Calls to other services.

mod payments;

pub use payments::{FoundPayment, PaymentStatus, Payments};
