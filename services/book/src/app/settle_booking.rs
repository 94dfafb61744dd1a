//! Step 3 of booking: what the payment service answered decides.

use events::BookingId;
use storage::{Error, Tx};

use super::Rules;
use super::apply_change::apply_change;
use crate::domain::{Booking, Status};
use crate::store::{bookings, idempotency_keys, places};

/// How asking for the payment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// The money is there.
    Paid,
    /// The money will not come.
    Declined,
    /// The request never reached the payment service: nobody was charged.
    NotReached,
    /// It may or may not have been paid; `Paid` will tell, or payment when it is asked.
    Unknown,
}

/// What became of a booking after an attempt to pay.
pub type Settled = Result<Booking, NotKept>;

/// Why there is nothing left of a booking that could not be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    #[error("so many are held already that no more shall be")]
    TooManyHeld,
    #[error("its customer holds as many as one may")]
    TooManyOfCustomer,
    #[error("somebody else settled it")]
    Gone,
}

/// Of the rule over all that are held. Customers have the positive keys up to the largest number but one.
const ALL_HELD: i64 = i64::MAX;

/// Settles the booking `id`.
///
/// Between opening and this, anything may have happened to the booking: `Paid` may have settled it, its customer may
/// have canceled it. So it is read anew, and the outcome is one more word that the domain weighs.
///
/// # Errors
///
/// When the database fails; the booking stays pending then, and `Paid` settles it.
pub async fn settle_booking(
    tx: &mut Tx,
    id: BookingId,
    outcome: PaymentOutcome,
    rules: &Rules,
) -> Result<Settled, Error> {
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(Err(NotKept::Gone));
    };
    let now = tx.now();
    let change = match outcome {
        PaymentOutcome::Paid => booking.register(),
        PaymentOutcome::Declined => booking.decline(),
        PaymentOutcome::NotReached => {
            if let Some(reason) = too_many_held(tx, &booking, rules).await? {
                forget(tx, &booking).await?;
                return Ok(Err(reason));
            }
            booking.keep_held(now, false)
        }
        PaymentOutcome::Unknown => booking.keep_held(now, true),
    };
    apply_change(tx, change).await.map(Ok)
}

/// Whether one more held booking is one too many. What has been held once is not taken away.
async fn too_many_held(tx: &mut Tx, booking: &Booking, rules: &Rules) -> Result<Option<NotKept>, Error> {
    let hold = &booking.row().hold;
    if booking.status() != Status::PaymentPending || hold.attempts > 1 || hold.is_published {
        return Ok(None);
    }
    // The others that may become held count after this one, or before it.
    tx.lock(ALL_HELD).await?;
    if let Some(customer) = booking.row().customer_id
        && bookings::count_held(tx, Some(customer)).await? >= rules.max_held_per_customer
    {
        return Ok(Some(NotKept::TooManyOfCustomer));
    }
    let is_full = bookings::count_held(tx, None).await? >= rules.max_held;
    Ok(is_full.then_some(NotKept::TooManyHeld))
}

/// As if it had never been asked for: nobody was charged, and nobody was told.
async fn forget(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    places::release(tx, booking).await?;
    idempotency_keys::delete_of(tx, booking.id()).await?;
    bookings::delete(tx, booking.id()).await
}
