//! Step 1 of booking: the wish is kept and its places are held, before anyone is asked for money.

use std::collections::BTreeMap;

use events::{BookingId, CustomerId, ScreeningId};
use storage::{Error, Tx};

use super::Rules;
use crate::domain::{Booking, Hold, Invalid, Order};
use crate::store::{bookings, idempotency_keys, places, screenings};

/// A wish, and with what key it was sent, if with any.
#[derive(Clone, Debug)]
pub struct Opening {
    pub order: Order,
    pub key: Option<RequestKey>,
}

/// Makes a request one that can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    pub key: String,
    /// Of the request's body: another body with the same key is a mistake.
    pub fingerprint: String,
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
    #[error("the screening has begun")]
    Started,
    #[error("taken: {}", .0.join(", "))]
    SeatTaken(Vec<String>),
    #[error("so many places are not left")]
    SoldOut,
    #[error("a customer can have at most {0} places of a screening")]
    TooManyPlaces(i64),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Keeps `opening` as a pending booking at the cinema `name`, all of its places or nothing. Nobody is told: it is no
/// booking until it is paid. Its first attempt to pay begins with it.
///
/// # Errors
///
/// When the wish cannot be had, it was opened before, or the database fails.
pub async fn open_booking(
    tx: &mut Tx,
    opening: Opening,
    name: &str,
    rules: &Rules,
) -> Result<Booking, OpenError> {
    let order = match opening.order.screening_id {
        Some(screening) => admit(tx, screening, opening.order, rules).await?,
        None => opening.order,
    };
    let seats = order.seats.clone();
    let hold = Hold::begin(tx.now(), rules.hold, rules.attempt, order.pay_later);
    let booking = bookings::insert(tx, order, name, hold).await?;
    // Before the places: who asks again must not meet the places of the first time.
    if let Some(RequestKey { key, fingerprint }) = opening.key
        && let Some((known, known_fingerprint)) =
            idempotency_keys::insert(tx, &key, &fingerprint, booking.id()).await?
    {
        let same = known_fingerprint == fingerprint;
        return Err(if same { OpenError::Known(known) } else { OpenError::KeyReused });
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

/// `order` as the screening has it: its movie, its price.
async fn admit(tx: &mut Tx, id: ScreeningId, order: Order, rules: &Rules) -> Result<Order, OpenError> {
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
    Ok(order)
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
