//! One file per use case. Requests, events and the refunder all call these functions.
//!
//! Each works in its caller's transaction and never awaits the network.

mod cancel_payment;
mod take_payment;

pub use cancel_payment::{
    Claimed, begin_cancel, begin_cancel_for_ticket, claim_cancels, end_cancel, postpone_cancel,
};
pub use take_payment::{TakePaymentError, claim_key, find_existing, record_payment};

use crate::domain::Payment;

/// A booking's payment, and whether it existed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(Payment),
    Existing(Payment),
}

impl Outcome {
    pub fn payment(&self) -> &Payment {
        match self {
            Self::Created(payment) | Self::Existing(payment) => payment,
        }
    }
}
