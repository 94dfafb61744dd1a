//! Step 1 of booking: the request's key, then the rules, then the places. All of it happens before payment is asked.

use std::collections::BTreeMap;

use events::{BookingId, CustomerId, ScreeningId};
use jiff::Timestamp;
use storage::{Error, Tx};

use super::Rules;
use crate::domain::{Booking, Hold, Invalid, Order, RequestKey};
use crate::store::{bookings, halls, idempotency_keys, places, screenings};

/// A request for a booking.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The order, or the fields that make no sense. A key that is known is answered before either counts.
    pub order: Result<Order, Vec<Invalid>>,
    pub key: Option<RequestKey>,
}

/// Why nothing was opened. The transaction must be dropped.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The key is that of this booking, which was asked for before by the same request.
    #[error("booking {0} was asked for with this key")]
    Known(BookingId),
    #[error("the key was sent before with another body")]
    KeyReused,
    #[error("fields do not fit the screening")]
    Invalid(Vec<Invalid>),
    #[error("the movie has screenings, and the request names none")]
    ScreeningRequired,
    #[error("the screening has begun")]
    Started,
    #[error("taken: {}", .0.join(", "))]
    SeatTaken(Vec<String>),
    #[error("there are not enough places left")]
    SoldOut,
    #[error("a customer can have at most {0} places of a screening")]
    TooManyPlaces(i64),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Keeps `opening` as a pending booking at the cinema `name`, all of its places or nothing. No event is published, as it
/// is no booking until it is paid. Its first attempt to pay begins with it.
///
/// The key comes first: a repeated request gets its booking, even if a rule would refuse the same request now, such as the
/// number of places that its own first time has used up.
///
/// # Errors
///
/// When the key is known, a rule refuses the order, its places are taken, or the database fails.
pub async fn open_booking(
    tx: &mut Tx,
    opening: Opening,
    name: &str,
    rules: &Rules,
) -> Result<Booking, OpenError> {
    if let Some(key) = &opening.key {
        claim(tx, key).await?;
    }
    let order = opening.order.map_err(OpenError::Invalid)?;
    let (order, starts_at) = match order.screening_id {
        Some(screening) => admit(tx, screening, order, rules).await?,
        None if is_shown(tx, &order).await? => return Err(OpenError::ScreeningRequired),
        None => (order, None),
    };
    let seats = order.seats.clone();
    let hold = Hold::begin(tx.now(), rules.hold, rules.attempt, order.pay_later).until_the_start(starts_at);
    let booking = bookings::insert(tx, order, name, hold).await?;
    if let Some(key) = &opening.key {
        idempotency_keys::bind(tx, key, booking.id()).await?;
    }
    match (seats, booking.row().screening_id) {
        (Some(seats), _) => {
            let taken = places::claim(tx, &booking, &seats).await?;
            if taken.is_empty() { Ok(booking) } else { Err(OpenError::SeatTaken(taken)) }
        }
        (None, Some(screening)) => {
            let had = places::take(tx, screening, booking.row().qty).await?;
            if had { Ok(booking) } else { Err(OpenError::SoldOut) }
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

/// Claims the key for this request, which is its first one.
async fn claim(tx: &mut Tx, key: &RequestKey) -> Result<(), OpenError> {
    match idempotency_keys::claim(tx, key).await? {
        None => Ok(()),
        // The fingerprint of a key from before there was a scope is empty.
        Some((known, fingerprint)) if fingerprint == key.fingerprint || fingerprint.is_empty() => {
            Err(OpenError::Known(known))
        }
        Some(_) => Err(OpenError::KeyReused),
    }
}

/// `order` as the screening has it, with its movie and its price; and when it begins.
async fn admit(
    tx: &mut Tx,
    id: ScreeningId,
    order: Order,
    rules: &Rules,
) -> Result<(Order, Option<Timestamp>), OpenError> {
    let Some(screening) = screenings::find(tx, id).await? else {
        let unknown = Invalid::new("screeningId", format!("there is no screening {id}"));
        return Err(OpenError::Invalid(vec![unknown]));
    };
    if screening.starts_at <= tx.now() {
        return Err(OpenError::Started);
    }
    let prices = match &order.seats {
        Some(seats) => screenings::prices(tx, id, seats).await?,
        None => BTreeMap::new(),
    };
    let order = screening.admit(order, &prices).map_err(OpenError::Invalid)?;
    if let Some(customer) = order.customer_id {
        check_share(tx, customer, id, order.qty.get(), rules.max_places_per_customer).await?;
    }
    Ok((order, Some(screening.starts_at)))
}

/// One customer's bookings are opened one after the other, so that two cannot pass this check together.
async fn check_share(
    tx: &mut Tx,
    customer: CustomerId,
    screening: ScreeningId,
    qty: i64,
    max: i64,
) -> Result<(), OpenError> {
    tx.lock(customer.get()).await?;
    let has = bookings::count_places(tx, customer, screening).await?;
    if has + qty > max { Err(OpenError::TooManyPlaces(max)) } else { Ok(()) }
}
