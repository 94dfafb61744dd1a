//! What an attempt to pay for a booking came to.

/// What an attempt to pay for a booking came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    /// The money is taken.
    Paid,
    /// The money will not come.
    Declined,
    /// This attempt has charged nothing: it did not reach the payment service, or that did not reach its provider.
    NotReached,
    /// The customer may have been charged. The event `Paid` or an inquiry at payment decides it.
    Unknown,
}
