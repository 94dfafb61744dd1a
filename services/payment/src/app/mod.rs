//! One file a use case; requests and events alike lead here.
//!
//! Each takes the transaction of its door and never awaits the network.

mod cancel_payment;
mod take_payment;

pub use cancel_payment::{
    Claimed, begin_cancel, begin_cancel_for_ticket, claim_cancels, end_cancel, put_off_cancel,
};
pub use take_payment::{TakePaymentError, bind_key, find_taken, record_payment};

use crate::domain::Payment;

/// A booking's one payment, and whether it was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(Payment),
    Known(Payment),
}

impl Outcome {
    pub fn payment(&self) -> &Payment {
        match self {
            Self::Created(payment) | Self::Known(payment) => payment,
        }
    }
}
