//! One use case a file. Each takes the transaction of the door and never awaits the network.

mod cancel_payment;
mod charge_payment;

pub use cancel_payment::cancel_payment;
pub use charge_payment::{ChargeError, charge_payment, open_payment};

use storage::{Error, Tx};

use crate::domain::{Change, Payment};
use crate::store::{ledger, payments};

/// Stores what a transition changed, and the money that moved with it.
async fn keep(tx: &mut Tx, change: Change) -> Result<Payment, Error> {
    let Change { payment, moved } = change;
    payments::update(tx, &payment).await?;
    if let Some((kind, money)) = moved {
        ledger::append(tx, &payment.row().reference, kind, money).await?;
    }
    Ok(payment)
}
