//! One file a use case; requests and events alike lead here.
//!
//! Each takes the transaction of its door and never awaits the network.

mod cancel_payment;
mod forget_keys;
mod read_payments;
mod take_payment;

pub use cancel_payment::{cancel_payment, cancel_payment_for_ticket};
pub use forget_keys::forget_keys;
pub use read_payments::{find_payment, find_payment_of, list_payments};
pub use take_payment::{Known, TakePaymentError, find_taken, repeat_payment, take_payment};

use crate::domain::Payment;

/// A booking's one payment, and whether it was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(Payment),
    Known(Payment),
}
