//! The steps of a booking's first transaction: its key, its screening, its places.

use jiff::Timestamp;
use storage::Tx;

use super::Rules;
use super::outcome::{Outcome, Stop};
use crate::domain::{Booking, Hold, Invalid, Order, RequestKey};
use crate::store::{bookings, places, request_keys, screenings};

/// Claims `key` for this request, if it is the first one with that key.
///
/// # Errors
///
/// [`Stop::Known`] if this request was sent before, [`Outcome::KeyReused`] if a different one was.
pub async fn claim_key(tx: &mut Tx, key: &RequestKey) -> Result<(), Stop> {
    match request_keys::claim(tx, key).await? {
        None => Ok(()),
        // The fingerprint of a key from before there was a scope is empty.
        Some((known, fingerprint)) if fingerprint == key.fingerprint || fingerprint.is_empty() => {
            Err(Stop::Known(known))
        }
        Some(_) => Err(Outcome::KeyReused.into()),
    }
}

/// Admits `order` to its screening, which sets its movie and its price. Also returns when the screening
/// starts.
///
/// # Errors
///
/// When there is no such screening, it has started, or the order does not fit it.
pub async fn admit(tx: &mut Tx, order: Order) -> Result<(Order, Option<Timestamp>), Stop> {
    let Some(id) = order.screening_id else {
        return Ok((order, None));
    };
    let Some((screening, prices)) = screenings::find_with_prices(tx, id, order.seats.as_ref()).await? else {
        let unknown = Invalid::new("screeningId", format!("there is no screening {id}"));
        return Err(Outcome::Invalid(vec![unknown]).into());
    };
    if screening.starts_at <= tx.now() {
        return Err(Outcome::Started.into());
    }
    let order = screening.admit(order, &prices).map_err(Outcome::Invalid)?;
    Ok((order, Some(screening.starts_at)))
}

/// Holds all places of `order` with a pending booking at the cinema `name`, and binds the key to it. The hold
/// ends when the screening starts, at the latest. The booking's first attempt to pay begins here. No event is
/// published: until that attempt ends, no other service needs to know the booking.
///
/// # Errors
///
/// When one of the places is taken, the customer would have too many places of the screening, or the order
/// names a movie that has screenings but none of them.
pub async fn hold_places(
    tx: &mut Tx,
    order: Order,
    starts_at: Option<Timestamp>,
    key: Option<&RequestKey>,
    name: &str,
    rules: &Rules,
) -> Result<Booking, Stop> {
    let (seats, screening) = (order.seats.clone(), order.screening_id);
    if let (Some(customer), Some(_)) = (order.customer_id, screening) {
        // One customer's bookings are added one after the other, so that two of them cannot exceed the limit
        // together.
        tx.lock(customer.get()).await?;
    }
    let hold = Hold::begin(tx.now(), rules.hold, rules.attempt, order.pay_later).until_the_start(starts_at);
    let max_places = rules.max_places_per_customer;
    let Some(booking) = bookings::insert(tx, order, name, hold, max_places).await? else {
        let refused = match screening {
            Some(_) => Outcome::TooManyPlaces(max_places),
            None => Outcome::ScreeningRequired,
        };
        return Err(refused.into());
    };
    if let Some(key) = key {
        request_keys::bind(tx, key, booking.id()).await?;
    }
    match (seats, screening) {
        (Some(seats), _) => {
            let taken = places::claim(tx, &booking, &seats).await?;
            if taken.is_empty() { Ok(booking) } else { Err(Outcome::SeatTaken(taken).into()) }
        }
        (None, Some(screening)) => {
            let are_left = places::take(tx, screening, booking.row().qty).await?;
            if are_left { Ok(booking) } else { Err(Outcome::SoldOut.into()) }
        }
        (None, None) => Ok(booking),
    }
}
