//! The steps of the first transaction of a booking: its key, its screening, its places.

use std::collections::BTreeMap;

use events::{CustomerId, ScreeningId};
use jiff::Timestamp;
use storage::{Error, Tx};

use super::Rules;
use super::outcome::{Outcome, Stop};
use crate::domain::{Booking, Hold, Invalid, Order, RequestKey};
use crate::store::{bookings, halls, places, request_keys, screenings};

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

/// Admits `order` to its screening, with the screening's movie and price.
///
/// # Errors
///
/// When there is no such screening, it has begun, the order does not fit it, or the customer has too many of its places; and
/// when the order names a movie that has screenings, and none of them.
pub async fn admit(tx: &mut Tx, order: Order, rules: &Rules) -> Result<Admitted, Stop> {
    match order.screening_id {
        Some(screening) => admit_to(tx, screening, order, rules).await,
        None if is_shown(tx, &order).await? => Err(Outcome::ScreeningRequired.into()),
        None => Ok(Admitted { order, starts_at: None }),
    }
}

/// Holds all places of the order by a pending booking at the cinema `name`, and binds the key to it. Its first attempt to pay
/// begins with it. No event is published, as it is no booking until it is paid.
///
/// # Errors
///
/// When one of its places is taken.
pub async fn hold_places(
    tx: &mut Tx,
    admitted: Admitted,
    key: Option<&RequestKey>,
    name: &str,
    rules: &Rules,
) -> Result<Booking, Stop> {
    let Admitted { order, starts_at } = admitted;
    let seats = order.seats.clone();
    let hold = Hold::begin(tx.now(), rules.hold, rules.attempt, order.pay_later).until_the_start(starts_at);
    let booking = bookings::insert(tx, order, name, hold).await?;
    if let Some(key) = key {
        request_keys::bind(tx, key, booking.id()).await?;
    }
    match (seats, booking.row().screening_id) {
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

/// Whether the movie has screenings that have not ended: then its seats are theirs.
async fn is_shown(tx: &mut Tx, order: &Order) -> Result<bool, Error> {
    match &order.movie_name {
        Some(movie) => halls::is_shown(tx, movie).await,
        None => Ok(false),
    }
}

async fn admit_to(tx: &mut Tx, id: ScreeningId, order: Order, rules: &Rules) -> Result<Admitted, Stop> {
    let Some(screening) = screenings::find(tx, id).await? else {
        let unknown = Invalid::new("screeningId", format!("there is no screening {id}"));
        return Err(Outcome::Invalid(vec![unknown]).into());
    };
    if screening.starts_at <= tx.now() {
        return Err(Outcome::Started.into());
    }
    let prices = match &order.seats {
        Some(seats) => screenings::prices(tx, id, seats).await?,
        None => BTreeMap::new(),
    };
    let order = screening.admit(order, &prices).map_err(Outcome::Invalid)?;
    if let Some(customer) = order.customer_id {
        check_share(tx, customer, id, order.qty.get(), rules.max_places_per_customer).await?;
    }
    Ok(Admitted { order, starts_at: Some(screening.starts_at) })
}

/// One customer's bookings are opened one after the other, so that two cannot pass this check together.
async fn check_share(
    tx: &mut Tx,
    customer: CustomerId,
    screening: ScreeningId,
    qty: i64,
    max: i64,
) -> Result<(), Stop> {
    tx.lock(customer.get()).await?;
    let has = bookings::count_places(tx, customer, screening).await?;
    if has + qty > max { Err(Outcome::TooManyPlaces(max).into()) } else { Ok(()) }
}
