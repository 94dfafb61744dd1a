//! Step 1 of booking: the wish is kept, before anyone is asked for money.

use storage::{Error, Tx};

use crate::domain::{Booking, Order, Status};
use crate::store::bookings;

/// Keeps `order` at the cinema `name` as pending. Nobody is told: it is no booking until it is paid.
///
/// # Errors
///
/// When the database fails.
pub async fn open_booking(tx: &mut Tx, order: Order, name: &str) -> Result<Booking, Error> {
    bookings::insert(tx, order, name, Status::PaymentPending).await
}
