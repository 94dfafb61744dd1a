//! The payments that are being taken in this process: who asks for one of them joins it, instead of having the processor
//! asked for it again.
//!
//! A caller gives up on an attempt and asks again while the processor still thinks. Across processes the booking's one row
//! decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use service_kit::problem::Problem;
use tokio::sync::watch;

use super::error::{key_reused, too_many_payments};
use crate::app::Outcome;
use crate::domain::Charge;

/// Payments under way at once, as callers may give up and ask for others while the processor still thinks.
const PAYMENTS_MAX: usize = 10_000;

/// How a payment ended: nothing while it has not, a refusal for all who wait for it.
type Ended = Option<Result<(), Problem>>;

/// The payments under way. Its clones are the same ones.
#[derive(Clone, Debug, Default)]
pub struct InProgress {
    under_way: Arc<Mutex<UnderWay>>,
}

#[derive(Debug, Default)]
struct UnderWay {
    payments: HashMap<Charge, watch::Receiver<Ended>>,
    keys: HashMap<String, Charge>,
}

/// Who takes a payment.
#[derive(Debug)]
pub enum Turn {
    Ours(Ours),
    Theirs(Theirs),
}

/// The one request that takes a payment. Dropped before the end, it lets those who wait know that nobody does.
#[derive(Debug)]
pub struct Ours {
    all: InProgress,
    charge: Charge,
    key: Option<String>,
    ended: watch::Sender<Ended>,
}

/// A payment that another request takes.
#[derive(Debug)]
pub struct Theirs(watch::Receiver<Ended>);

/// The request that took the payment ended without one.
#[derive(Debug, thiserror::Error)]
#[error("the request that took the payment ended without an outcome")]
pub struct LostPayment;

impl InProgress {
    /// Whose turn it is to take the payment for `charge`.
    ///
    /// # Errors
    ///
    /// When `key` stands for another one that is under way, or too many are.
    pub fn join(&self, charge: Charge, key: Option<String>) -> Result<Turn, Problem> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let named = key.as_ref().and_then(|key| under_way.keys.get(key));
        if named.is_some_and(|other| *other != charge) {
            return Err(key_reused());
        }
        if let Some(theirs) = under_way.payments.get(&charge) {
            return Ok(Turn::Theirs(Theirs(theirs.clone())));
        }
        if under_way.payments.len() >= PAYMENTS_MAX {
            return Err(too_many_payments());
        }
        let (ended, ending) = watch::channel(None);
        under_way.payments.insert(charge, ending);
        if let Some(key) = &key {
            under_way.keys.insert(key.clone(), charge);
        }
        Ok(Turn::Ours(Ours { all: self.clone(), charge, key, ended }))
    }
}

impl Ours {
    /// Lets those who wait know how it ended.
    pub fn end(self, outcome: &Result<Outcome, Problem>) {
        self.ended.send_replace(Some(outcome.as_ref().map(|_| ()).map_err(Clone::clone)));
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let mut under_way = self.all.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.payments.remove(&self.charge);
        if let Some(key) = &self.key {
            under_way.keys.remove(key);
        }
    }
}

impl Theirs {
    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// As it ended for the one who took it.
    pub async fn ended(mut self) -> Result<(), Problem> {
        match self.0.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Err(Problem::internal(LostPayment)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use events::{BookingId, PaymentId};

    use super::*;
    use crate::domain::{Payment, Price, Row, Status};

    fn charge(booking: i64, price: i64) -> Charge {
        Charge { booking_id: BookingId::new(booking).unwrap(), price: Price::parse(price).unwrap() }
    }

    fn paid(charge: Charge) -> Result<Outcome, Problem> {
        let Charge { booking_id, price: total_price } = charge;
        let id = PaymentId::new(1).unwrap();
        Ok(Outcome::Created(Payment::restore(Row { id, booking_id, total_price, status: Status::Paid })))
    }

    fn ours(turn: Turn) -> Ours {
        match turn {
            Turn::Ours(ours) => ours,
            Turn::Theirs(_) => panic!("another request takes it"),
        }
    }

    fn theirs(turn: Turn) -> Theirs {
        match turn {
            Turn::Theirs(theirs) => theirs,
            Turn::Ours(_) => panic!("nobody else takes it"),
        }
    }

    fn status(ended: Result<(), Problem>) -> u16 {
        ended.map_or_else(|problem| problem.into_response().status().as_u16(), |()| 200)
    }

    #[tokio::test]
    async fn all_who_ask_for_one_payment_wait_for_the_one_that_takes_it() {
        let all = InProgress::default();
        let first = ours(all.join(charge(1, 100), None).unwrap());
        let waiting: Vec<_> = (0..3).map(|_| theirs(all.join(charge(1, 100), None).unwrap())).collect();
        first.end(&paid(charge(1, 100)));
        for one in waiting {
            assert_eq!(status(one.ended().await), 200);
        }
        assert!(matches!(all.join(charge(1, 100), None), Ok(Turn::Ours(_))));
    }

    #[tokio::test]
    async fn a_refusal_is_everyones() {
        let all = InProgress::default();
        let first = ours(all.join(charge(1, 100), None).unwrap());
        let second = theirs(all.join(charge(1, 100), None).unwrap());
        first.end(&Err(Problem::from(crate::clients::Declined)));
        assert_eq!(status(second.ended().await), 402);
    }

    #[tokio::test]
    async fn nobody_waits_for_one_that_was_lost() {
        let all = InProgress::default();
        let first = ours(all.join(charge(1, 100), None).unwrap());
        let second = theirs(all.join(charge(1, 100), None).unwrap());
        drop(first);
        assert_eq!(status(second.ended().await), 500);
        ours(all.join(charge(1, 100), None).unwrap());
    }

    #[test]
    fn other_bookings_and_other_prices_do_not_wait() {
        let all = InProgress::default();
        let _first = ours(all.join(charge(1, 100), None).unwrap());
        let _second = ours(all.join(charge(2, 100), None).unwrap());
        let _third = ours(all.join(charge(1, 200), None).unwrap());
    }

    #[test]
    fn a_key_stands_for_one_payment_while_that_is_under_way() {
        let all = InProgress::default();
        let key = || Some("key".to_owned());
        let first = ours(all.join(charge(1, 100), key()).unwrap());
        let _same = theirs(all.join(charge(1, 100), key()).unwrap());
        let refused = all.join(charge(2, 100), key()).unwrap_err();
        assert_eq!(refused.into_response().status().as_u16(), 422);
        drop(first);
        let _later = ours(all.join(charge(2, 100), key()).unwrap());
    }

    #[test]
    fn payments_under_way_are_bounded() {
        let all = InProgress::default();
        let most: Vec<_> = (1..=PAYMENTS_MAX)
            .map(|booking| all.join(charge(i64::try_from(booking).unwrap(), 1), None).unwrap())
            .collect();
        let refused = all.join(charge(1, 2), None).unwrap_err();
        assert_eq!(refused.into_response().status().as_u16(), 503);
        drop(most);
        let _again = ours(all.join(charge(1, 2), None).unwrap());
    }
}
