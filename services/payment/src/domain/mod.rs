//! What a payment is, and its transitions. No clock, no database, no network.

mod charge;
mod payment;
mod reference;
mod token;

pub use charge::Charge;
pub use payment::{Change, PayRefused, Payment, Row, Status};
pub use reference::{FleetId, InvalidFleetId, Reference};
pub use token::{InvalidToken, PaymentToken};
