//! A payment and its transitions.
//!
//! ```text
//! nothing ─┬─▶ pending ─┬─▶ succeeded ─▶ canceled
//!          │            ├─▶ declined ──▶ succeeded, declined or canceled
//!          │            └─▶ canceled
//!          └─▶ canceled
//! ```

use jiff::Timestamp;
use strum::{Display, EnumString, IntoStaticStr};

use super::charge::Money;
use super::reference::Reference;

/// The error for a text in the database that this version never writes there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known value")]
pub struct UnknownValue(String);

impl From<&str> for UnknownValue {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::from)]
pub enum Status {
    /// The charge is being decided.
    Pending,
    /// The money was charged.
    Succeeded,
    /// Nothing was charged. The caller may try another token.
    Declined,
    /// The reference has no charge, or a refunded one, and nothing is ever charged under it.
    Canceled,
}

/// Why a charge was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::from)]
pub enum DeclineReason {
    Declined,
    InsufficientFunds,
    /// The amount is above the configured limit of the sandbox.
    AmountLimit,
    UnknownToken,
}

/// The direction in which money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::from)]
pub enum Kind {
    Charge,
    Refund,
}

/// The sandbox's decision on a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pay,
    Decline(DeclineReason),
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    row: Row,
}

/// All fields of a payment, for the store and for responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub reference: Reference,
    pub status: Status,
    /// The money of the first request for a charge. `None` if the reference was canceled before any charge
    /// was requested.
    pub money: Option<Money>,
    pub decline_reason: Option<DeclineReason>,
    pub charged_at: Option<Timestamp>,
    pub refunded_at: Option<Timestamp>,
}

/// A payment after a transition, and the money that moved with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub payment: Payment,
    pub moved: Option<(Kind, Money)>,
}

/// A line of the ledger: a charge or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Later movements have higher numbers.
    pub seq: i64,
    pub reference: Reference,
    pub kind: Kind,
    pub money: Money,
    pub at: Timestamp,
}

/// The error for a charge whose amount or currency differs from that of the reference's first charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reference was used with a different amount or currency")]
pub struct AmountConflict;

impl Payment {
    /// A payment read from the database.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    /// A payment whose charge is not decided yet.
    pub fn pending(reference: Reference, money: Money) -> Self {
        Self::in_state(reference, Status::Pending, Some(money))
    }

    /// The payment of a reference that was canceled before any charge.
    pub fn tombstone(reference: Reference) -> Self {
        Self::in_state(reference, Status::Canceled, None)
    }

    fn in_state(reference: Reference, status: Status, money: Option<Money>) -> Self {
        let row = Row { reference, status, money, decline_reason: None, charged_at: None, refunded_at: None };
        Self { row }
    }

    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Whether a request for a charge can no longer change this payment.
    pub fn is_settled(&self) -> bool {
        matches!(self.row.status, Status::Succeeded | Status::Canceled)
    }

    /// Checks that a request to charge `money` is for this payment. A canceled payment accepts any amount, as
    /// nothing is charged.
    ///
    /// # Errors
    ///
    /// When the payment has a different amount or currency.
    pub fn accept(&self, money: Money) -> Result<(), AmountConflict> {
        match self.row.status {
            Status::Canceled => Ok(()),
            _ if self.row.money == Some(money) => Ok(()),
            _ => Err(AmountConflict),
        }
    }

    /// Applies the `verdict`. A settled payment does not change.
    #[must_use]
    pub fn decide(mut self, verdict: Verdict, now: Timestamp) -> Change {
        let mut moved = None;
        if let (false, Some(money)) = (self.is_settled(), self.row.money) {
            match verdict {
                Verdict::Pay => {
                    self.row.status = Status::Succeeded;
                    self.row.decline_reason = None;
                    self.row.charged_at = Some(now);
                    moved = Some((Kind::Charge, money));
                }
                Verdict::Decline(reason) => {
                    self.row.status = Status::Declined;
                    self.row.decline_reason = Some(reason);
                }
            }
        }
        Change { payment: self, moved }
    }

    /// Refunds the charge, if there is one, and prevents later charges.
    #[must_use]
    pub fn cancel(mut self, now: Timestamp) -> Change {
        let mut moved = None;
        if let (Status::Succeeded, Some(money)) = (self.row.status, self.row.money) {
            self.row.refunded_at = Some(now);
            moved = Some((Kind::Refund, money));
        }
        self.row.status = Status::Canceled;
        Change { payment: self, moved }
    }
}

#[cfg(test)]
mod tests;
