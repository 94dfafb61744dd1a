//! The steps of the first transaction of a booking: its key, its screening, its places.

use jiff::Timestamp;
use storage::Tx;

use super::Rules;
use super::outcome::{Outcome, Stop};
use crate::domain::{Booking, Hold, Invalid, Order, RequestKey};
use crate::store::{bookings, places, request_keys, screenings};

/// An order that can be booked now.
#[derive(Clone, Debug)]
pub struct Admitted {
    order: Order,
    /// When its screening begins.
    starts_at: Option<Timestamp>,
}

/// Claims `key` for this request, which is its first one.
///
/// # Errors
///
/// [`Stop::Known`] if the request was sent before, and [`Outcome::KeyReused`] if another one was.
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

/// Admits `order` to its screening, which sets its movie and its price.
///
/// # Errors
///
/// When there is no such screening, it has started, or the order does not fit it.
pub async fn admit(tx: &mut Tx, order: Order) -> Result<Admitted, Stop> {
    let Some(id) = order.screening_id else {
        return Ok(Admitted { order, starts_at: None });
    };
    let Some((screening, prices)) = screenings::find_with_prices(tx, id, order.seats.as_ref()).await? else {
        let unknown = Invalid::new("screeningId", format!("there is no screening {id}"));
        return Err(Outcome::Invalid(vec![unknown]).into());
    };
    if screening.starts_at <= tx.now() {
        return Err(Outcome::Started.into());
    }
    let order = screening.admit(order, &prices).map_err(Outcome::Invalid)?;
    Ok(Admitted { order, starts_at: Some(screening.starts_at) })
}

/// Holds all places of the order with a pending booking at the cinema `name`, and binds the key to it. The booking's first
/// attempt to pay begins here. No event is published, as nobody else needs to know a booking that may be paid in a moment.
///
/// # Errors
///
/// When one of the places is taken, the customer would have too many places of the screening, or the order names a movie that
/// has screenings, and none of them.
pub async fn hold_places(
    tx: &mut Tx,
    admitted: Admitted,
    key: Option<&RequestKey>,
    name: &str,
    rules: &Rules,
) -> Result<Booking, Stop> {
    let Admitted { order, starts_at } = admitted;
    let (seats, screening) = (order.seats.clone(), order.screening_id);
    if let (Some(customer), Some(_)) = (order.customer_id, screening) {
        // One customer's bookings are added one after the other: two must not share what is left of the customer's places.
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
            let had = places::take(tx, screening, booking.row().qty).await?;
            if had { Ok(booking) } else { Err(Outcome::SoldOut.into()) }
        }
        (None, None) => Ok(booking),
    }
}
