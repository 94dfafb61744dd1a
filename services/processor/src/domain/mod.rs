//! What a payment is and which way it may go. No clock, no database, no network.

mod charge;
mod payment;
mod reference;

pub use charge::{Amount, Charge, Currency, Invalid, InvalidAmount, InvalidCurrency, Money, Token};
pub use payment::{
    Change, DeclineReason, Kind, Movement, OtherMoney, Payment, Row, Status, UnknownWord, Verdict,
};
pub use reference::{InvalidReference, Reference};
