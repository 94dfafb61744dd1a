//! One file per use case. Each works in its caller's transaction and never awaits the network.

mod cancel_payment;
mod charge_payment;

pub use cancel_payment::cancel_payment;
pub use charge_payment::{ChargeError, charge_payment, open_payment};

use storage::{Error, Tx};

use crate::domain::{Change, Payment};
use crate::store::{ledger, payments};

/// Writes the changed payment, and its line in the ledger if money moved.
async fn store_change(tx: &mut Tx, change: Change) -> Result<Payment, Error> {
    let Change { payment, moved } = change;
    payments::update(tx, &payment).await?;
    if let Some((kind, money)) = moved {
        ledger::append(tx, &payment.row().reference, kind, money).await?;
    }
    Ok(payment)
}
