//! Payments and the ledger as they are now.

use storage::{Conn, Error};

use crate::domain::{Movement, Payment, Reference};
use crate::store::{ledger, payments};

/// The payment under the reference, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_payment(conn: &mut Conn, reference: &Reference) -> Result<Option<Payment>, Error> {
    payments::find(conn, reference).await
}

/// The first `limit` movements after `after`, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_movements(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<Movement>, Error> {
    ledger::list(conn, after, limit).await
}

/// The number of the ledger's last movement; 0 when there is none.
///
/// # Errors
///
/// When the database fails.
pub async fn highest_seq(conn: &mut Conn) -> Result<i64, Error> {
    ledger::highest_seq(conn).await
}
