//! The second transaction of a booking: the answer to the attempt to pay decides.

use storage::{Error, Tx};

use super::Rules;
use super::apply_change::{apply_change, publish};
use super::outcome::Outcome;
use crate::domain::{Booking, PaymentAnswer, Status};
use crate::store::{bookings, places, request_keys};

/// Of the rule over all that are held. Customers have the positive keys up to the largest number but one.
const ALL_HELD: i64 = i64::MAX;

/// Settles the pending `booking` by the `answer` to an attempt to pay for it.
///
/// Meanwhile anything may have happened to the booking: `Paid` may have settled it, or its customer may have canceled it. A
/// decided payment ends it only if it is still pending; otherwise it is read again, and the domain decides.
///
/// # Errors
///
/// When the database fails; the booking stays pending then, and `Paid` settles it.
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

/// Whether one more held booking is one too many. What has been held once is not taken away.
async fn too_many_held(tx: &mut Tx, booking: &Booking, rules: &Rules) -> Result<Option<Outcome>, Error> {
    let hold = &booking.row().hold;
    if booking.status() != Status::PaymentPending || hold.attempts > 1 || hold.is_published {
        return Ok(None);
    }
    // The others that may become held count after this one, or before it.
    tx.lock(ALL_HELD).await?;
    if let Some(customer) = booking.row().customer_id
        && bookings::count_held(tx, Some(customer)).await? >= rules.max_held_per_customer
    {
        return Ok(Some(Outcome::TooManyOfCustomer(None)));
    }
    let is_full = bookings::count_held(tx, None).await? >= rules.max_held;
    Ok(is_full.then_some(Outcome::NotKept(None)))
}

/// As if it had never been asked for: nobody was charged, and nobody was told.
async fn forget(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    places::release(tx, booking).await?;
    request_keys::delete_of(tx, booking.id()).await?;
    bookings::delete(tx, booking.id()).await
}
