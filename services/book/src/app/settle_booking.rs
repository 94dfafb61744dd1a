//! Settles a booking in its second transaction: the outcome of the attempt to pay decides.

use storage::{Error, Tx};

use super::Rules;
use super::apply_change::{apply_change, publish};
use super::locks::ALL_HELD;
use super::outcome::Outcome;
use crate::domain::{Booking, PaymentAnswer, Status};
use crate::store::{bookings, places, request_keys};

/// Settles the pending `booking` according to the `answer` to an attempt to pay for it.
///
/// While payment was called, `Paid` may have settled the booking, or its customer may have canceled it. So a
/// decided payment ends the booking only if it is still pending; otherwise the booking is read again, and the
/// domain decides. Both statements lock the booking's row before the event is appended, so a booking's events
/// are in the outbox in the order of its changes.
///
/// # Errors
///
/// When the database fails; then the booking stays pending, and `Paid` settles it.
pub async fn settle_booking(
    tx: &mut Tx,
    booking: Booking,
    answer: PaymentAnswer,
    rules: &Rules,
) -> Result<Outcome, Error> {
    let id = booking.id();
    let decided = match (booking.status(), answer) {
        (Status::PaymentPending, PaymentAnswer::Paid) => Some(booking.register()),
        (Status::PaymentPending, PaymentAnswer::Declined) => Some(booking.decline()),
        _ => None,
    };
    if let Some(change) = decided
        && bookings::end_pending(tx, &change.booking).await?
    {
        return publish(tx, change).await.map(Outcome::from);
    }
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(Outcome::NotKept(None));
    };
    let now = tx.now();
    let change = match answer {
        PaymentAnswer::Paid => booking.register(),
        PaymentAnswer::Declined => booking.decline(),
        PaymentAnswer::NotReached => {
            if let Some(refused) = too_many_held(tx, &booking, rules).await? {
                forget(tx, &booking).await?;
                return Ok(refused);
            }
            booking.keep_held(now, false)
        }
        PaymentAnswer::Unknown => booking.keep_held(now, true),
    };
    apply_change(tx, change).await.map(Outcome::from)
}

/// The refusal, if the booking would exceed a limit on held bookings. A booking that was already held stays
/// held.
async fn too_many_held(tx: &mut Tx, booking: &Booking, rules: &Rules) -> Result<Option<Outcome>, Error> {
    let hold = &booking.row().hold;
    if booking.status() != Status::PaymentPending || hold.attempts > 1 || hold.is_published {
        return Ok(None);
    }
    // Bookings are counted one after the other, so that two of them cannot exceed the limit together.
    tx.lock(ALL_HELD).await?;
    if let Some(customer) = booking.row().customer_id
        && bookings::count_held(tx, Some(customer)).await? >= rules.max_held_per_customer
    {
        return Ok(Some(Outcome::TooManyOfCustomer(None)));
    }
    let is_full = bookings::count_held(tx, None).await? >= rules.max_held;
    Ok(is_full.then_some(Outcome::NotKept(None)))
}

/// Deletes the booking as if it had never been requested: it was not charged, and no event was published.
async fn forget(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    places::release(tx, booking).await?;
    request_keys::delete_of(tx, booking.id()).await?;
    bookings::delete(tx, booking.id()).await
}
