//! A payment and its transitions, without clock, database or network.

mod charge;
mod payment;
mod reference;

pub use charge::{Amount, Charge, Currency, Invalid, InvalidAmount, InvalidCurrency, Money, Token};
pub use payment::{
    AmountConflict, Change, DeclineReason, Kind, Movement, Payment, Row, Status, UnknownValue, Verdict,
};
pub use reference::{InvalidReference, Reference};
