//! What payment's answer means for an attempt to pay.

/// What payment's answer means for an attempt to pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    /// The customer was charged.
    Paid,
    /// The customer was not charged, and never will be.
    Declined,
    /// This attempt charged nothing: it did not reach payment, or payment did not reach its provider.
    NotReached,
    /// The customer may have been charged. `Paid`, or an inquiry at payment, decides.
    Unknown,
}
