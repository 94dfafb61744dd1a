//! A payment and its transitions, without clock, database or network.

mod charge;
mod payment;
mod reference;
mod token;

pub use charge::Charge;
pub use payment::{Change, PayRefused, Payment, Row, Status};
pub use reference::{FleetId, InvalidFleetId, Reference};
pub use token::{InvalidToken, PaymentToken};
