//! Payments as they are now.

use events::{BookingId, PaymentId};
use storage::{Conn, Error, Page, Slice};

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

/// The payments of `slice`, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_payments(conn: &mut Conn, slice: Slice) -> Result<Page<Payment>, Error> {
    payments::page(conn, slice).await
}
