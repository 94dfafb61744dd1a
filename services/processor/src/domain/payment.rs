//! A payment and every way it may go.
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

/// A word in the database that the program never writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known word")]
pub struct UnknownWord(String);

impl From<&str> for UnknownWord {
    fn from(word: &str) -> Self {
        Self(word.to_owned())
    }
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::from)]
pub enum Status {
    /// The charge is being decided.
    Pending,
    /// The money was charged.
    Succeeded,
    /// Nothing was charged. Another token may be tried.
    Declined,
    /// Nothing stands under the reference, and nothing ever will.
    Canceled,
}

/// Why a charge was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::from)]
pub enum DeclineReason {
    Declined,
    InsufficientFunds,
    /// The amount is above the limit that is configured for the sandbox.
    AmountLimit,
    UnknownToken,
}

/// Which way money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(const_into_str, serialize_all = "kebab-case", parse_err_ty = UnknownWord, parse_err_fn = UnknownWord::from)]
pub enum Kind {
    Charge,
    Refund,
}

/// What the sandbox decides about a charge.
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

/// All parts of a payment, as the store keeps it and a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub reference: Reference,
    pub status: Status,
    /// What the first request for a charge asked for. `None`: the reference was canceled before any came.
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

/// A line of the ledger: money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Later movements have higher numbers.
    pub seq: i64,
    pub reference: Reference,
    pub kind: Kind,
    pub money: Money,
    pub at: Timestamp,
}

/// The reference stands for another amount or currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reference stands for another amount or currency")]
pub struct OtherMoney;

impl Payment {
    /// A payment as the store found it.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    /// A charge that is yet to be decided.
    pub fn pending(reference: Reference, money: Money) -> Self {
        Self::in_state(reference, Status::Pending, Some(money))
    }

    /// A reference that was canceled before any charge came.
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

    /// Whether nothing that a charge asks for can change this payment any more.
    pub fn is_settled(&self) -> bool {
        matches!(self.row.status, Status::Succeeded | Status::Canceled)
    }

    /// Checks that a request to charge `money` is about this payment. Whatever is asked for under a canceled reference
    /// is.
    ///
    /// # Errors
    ///
    /// When it is about another amount or currency.
    pub fn accept(&self, money: Money) -> Result<(), OtherMoney> {
        match self.row.status {
            Status::Canceled => Ok(()),
            _ if self.row.money == Some(money) => Ok(()),
            _ => Err(OtherMoney),
        }
    }

    /// Charges the money, or declines to. A settled payment stays as it is.
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

    /// Gives back what was charged, and makes sure that nothing is charged from now on.
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
