//! Payments as they are now.

use events::{BookingId, PaymentId};
use storage::{Conn, Error};

use crate::domain::Payment;
use crate::store::payments;

/// The payment `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_payment(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>, Error> {
    payments::find(conn, id).await
}

/// The payment of the booking `booking_id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_payment_of(conn: &mut Conn, booking_id: BookingId) -> Result<Option<Payment>, Error> {
    payments::find_of(conn, booking_id).await
}

/// `limit` payments after the first `offset`, oldest first, and how many there are in all.
///
/// # Errors
///
/// When the database fails.
pub async fn list_payments(conn: &mut Conn, offset: i64, limit: i64) -> Result<(Vec<Payment>, i64), Error> {
    payments::page(conn, offset, limit).await
}
