//! Random walks: payments, cancellations and inquiries in any order, with crashes, and with a provider whose
//! responses are lost, late or 5xx, or that processes requests twice.
//!
//! The service, its SQL and its HTTP are real. Several walks run concurrently, each with its own database,
//! provider and seed. A walk depends on its seed only, so `MODEL_WALKS=1 MODEL_SEED=<n> MODEL_STEPS=<n>`
//! repeats a failed one.

use std::collections::VecDeque;
use std::thread;

use events::{BookingId, Price};
use fastrand::Rng;
use payment::domain::Charge;
use payment::paying::{self, PayError, PayRequest};
use test_kit::scratch::{Databases, databases};
use tokio::runtime;
use tokio::task::JoinHandle;

use crate::app::{App, hold_expired, ticket_canceled};
use crate::provider::Fate;

/// The number of steps of all walks together.
const STEPS: u64 = 100_000;
/// The same on a server, where every commit waits for a disk.
const STEPS_ON_SERVER: u64 = 3_000;
/// The number of concurrent walks. One computes while others wait for their databases or providers.
const WALKS: u64 = 4;
/// The seed of the first walk. Each further walk uses the next number.
const SEED: u64 = 20_261_129;
/// The number of steps after which everything is settled and checked.
const EPISODE: usize = 20;
/// The number of bookings of an episode.
const BOOKINGS: usize = 3;
const PRICE: i64 = 100;

const FATES: [Fate; 9] = [
    Fate::Answered,
    Fate::Answered,
    Fate::LostBefore,
    Fate::LostAfter,
    Fate::FailsBefore,
    Fate::FailsAfter,
    Fate::Late,
    Fate::Doubled,
    Fate::Answered,
];

/// What callers know about a booking.
#[derive(Clone, Copy, Debug)]
struct Expected {
    id: i64,
    is_canceled: bool,
    /// A response has reported it as paid.
    was_paid: bool,
}

type Paying = JoinHandle<Result<(), PayError>>;

struct Walk {
    app: App,
    rng: Rng,
    bookings: Vec<Expected>,
    parked: VecDeque<Paying>,
    steps: usize,
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn bookings_are_charged_exactly_if_they_are_paid_despite_all_faults() {
    let default = if matches!(databases(), Databases::Files) { STEPS } else { STEPS_ON_SERVER };
    let walks = number("MODEL_WALKS", WALKS).max(1);
    let steps = usize::try_from(number("MODEL_STEPS", default).div_ceil(walks)).unwrap();
    let first = number("MODEL_SEED", SEED);
    let ends = thread::scope(|scope| {
        let walks: Vec<_> =
            (first..first + walks).map(|seed| scope.spawn(move || walk(seed, steps))).collect();
        let ends: Vec<_> = walks.into_iter().map(thread::ScopedJoinHandle::join).collect();
        ends.into_iter()
            .map(Result::unwrap)
            .fold([0; 4], |sum, ends| std::array::from_fn(|end| sum[end] + ends[end]))
    });
    assert!(ends.iter().all(|count| *count > 0), "the walks did not reach every end: {ends:?}");
}

/// Runs one walk. Returns how often each of the four ends was reached.
fn walk(seed: u64, steps: usize) -> [usize; 4] {
    println!("MODEL_WALKS=1 MODEL_SEED={seed} MODEL_STEPS={steps}");
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut walk = Walk {
            app: App::in_memory().await,
            rng: Rng::with_seed(seed),
            bookings: Vec::new(),
            parked: VecDeque::new(),
            steps: 0,
        };
        let mut ends = [0; 4];
        while walk.steps < steps {
            walk.begin_episode();
            for _ in 0..EPISODE {
                walk.steps += 1;
                walk.step().await;
            }
            walk.settle().await;
            for booking in walk.bookings.clone() {
                ends[walk.check(booking).await] += 1;
            }
        }
        walk.check_events().await;
        walk.app.settled().await;
        ends
    })
}

impl Walk {
    fn begin_episode(&mut self) {
        let next = self.bookings.last().map_or(1, |booking| booking.id + 1);
        let new = |id| Expected { id, is_canceled: false, was_paid: false };
        self.bookings = (next..).take(BOOKINGS).map(new).collect();
    }

    async fn step(&mut self) {
        let index = self.rng.usize(..BOOKINGS);
        let fate = FATES[self.rng.usize(..FATES.len())];
        let booking = self.bookings[index];
        match self.rng.u8(..20) {
            0..=5 => self.pay(index, fate).await,
            6..=8 => {
                let fate = if self.rng.bool() { Fate::ParkedBefore } else { Fate::ParkedAfter };
                self.park(booking, fate).await;
            }
            9..=10 => self.unpark().await,
            11 => self.crash().await,
            12 => self.cancel(index, fate).await,
            13..=14 => self.refund(fate).await,
            15..=17 => self.inquire(index).await,
            18 => self.app.provider.catch_up(),
            _ => self.end_booking(index).await,
        }
        self.app.provider.clear_fates();
    }

    /// A request for the booking's price, sometimes for a different one, and sometimes with a token that is
    /// declined.
    fn request(&mut self, id: i64) -> PayRequest {
        let is_different = self.rng.u8(..10) == 0;
        let price = Price::parse(if is_different { PRICE + 1 } else { PRICE }).unwrap();
        let token = if self.rng.u8(..4) == 0 { "tok_declined" } else { "tok_ok" };
        let token = payment::domain::PaymentToken::parse(token.to_owned()).ok();
        PayRequest { charge: Charge { booking_id: BookingId::new(id).unwrap(), price }, token, key: None }
    }

    async fn pay(&mut self, index: usize, fate: Fate) {
        let id = self.bookings[index].id;
        let request = self.request(id);
        self.app.provider.next([fate]);
        let answer = paying::pay(&self.app.state, &request).await.map(|_| ());
        self.check_answer(index, &answer);
    }

    /// Checks that the response to the caller is true.
    fn check_answer(&mut self, index: usize, answer: &Result<(), PayError>) {
        let booking = &mut self.bookings[index];
        let is_charged = self.app.provider.account(booking.id).is_charged();
        match answer {
            Ok(()) => {
                assert!(is_charged && !booking.is_canceled, "{booking:?}");
                booking.was_paid = true;
            }
            Err(PayError::Declined) => assert!(!is_charged, "{booking:?} was declined, but charged"),
            Err(PayError::NotReached(_)) => panic!("the provider is always reachable"),
            Err(PayError::Refused(payment::domain::PayRefused::Voided)) => {
                assert!(booking.is_canceled, "{booking:?}");
            }
            Err(_) => {}
        }
    }

    /// Begins a payment that waits at the provider while the walk continues.
    async fn park(&mut self, booking: Expected, fate: Fate) {
        let request = self.request(booking.id);
        self.app.provider.next([fate]);
        let state = self.app.state.clone();
        let mut paying = tokio::spawn(async move { paying::pay(&state, &request).await.map(|_| ()) });
        tokio::select! {
            // It ended without a call to the provider.
            answer = &mut paying => assert!(!matches!(answer.unwrap(), Err(PayError::Unknown(_)))),
            () = self.app.provider.until_held() => self.parked.push_back(paying),
        }
    }

    async fn unpark(&mut self) {
        if let Some(paying) = self.parked.pop_front() {
            self.app.provider.unpark(true);
            let answer = paying.await.unwrap();
            assert!(!matches!(answer, Err(PayError::Unknown(_) | PayError::NotRecorded(_))), "{answer:?}");
        }
    }

    /// Kills a payment while it waits for the provider, which may have charged.
    async fn crash(&mut self) {
        if let Some(paying) = self.parked.pop_front() {
            paying.abort();
            assert!(paying.await.is_err_and(|ended| ended.is_cancelled()));
            self.app.provider.unpark(false);
        }
    }

    async fn cancel(&mut self, index: usize, fate: Fate) {
        self.app.provider.next([fate]);
        let answer = self.app.cancel(self.bookings[index].id).await;
        assert!([200, 201, 202].contains(&answer.status.as_u16()));
        self.bookings[index].is_canceled = true;
        if answer.status != 202 {
            assert!(!self.app.provider.account(self.bookings[index].id).is_charged());
        }
    }

    /// Ends the booking by an event, as an expired hold or a void ticket does.
    async fn end_booking(&mut self, index: usize) {
        let id = self.bookings[index].id;
        if self.rng.bool() {
            self.app.deliver(hold_expired(id)).await;
        } else {
            self.app.deliver(ticket_canceled(id)).await;
        }
        self.bookings[index].is_canceled = true;
    }

    async fn refund(&mut self, fate: Fate) {
        self.app.provider.next([fate]);
        self.app.refund().await;
    }

    async fn inquire(&mut self, index: usize) {
        let answer = self.app.inquire(self.bookings[index].id).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Lets everything finish that is still running, late or in doubt.
    async fn settle(&mut self) {
        while !self.parked.is_empty() {
            self.unpark().await;
        }
        self.app.provider.catch_up();
        self.app.refund().await;
        for index in 0..BOOKINGS {
            self.inquire(index).await;
        }
        // Doubled requests of the inquiries and refunds above must have no further effect.
        self.app.provider.catch_up();
    }

    /// Checks the booking. Returns which of the four ends it has reached.
    async fn check(&self, booking: Expected) -> usize {
        let account = self.app.provider.account(booking.id);
        let path = format!("/payments/search/findByBookingId?bookingId={}", booking.id);
        let found = self.app.client.get(&path).await.body["_embedded"]["payments"][0].clone();
        let status = found["status"].as_str();
        assert!(account.charges <= 1 && account.refunds <= account.charges, "{account:?}");
        assert_eq!(account.is_charged(), status == Some("Paid"), "{booking:?} {account:?} {status:?}");
        assert!(!booking.was_paid || account.charges == 1, "{booking:?} {account:?}");
        match (booking.is_canceled, account.charges) {
            (false, 0) => {
                assert_eq!(status, None);
                0
            }
            (false, _) => {
                assert_eq!(found["totalPrice"], account.amount);
                1
            }
            (true, 0) => {
                assert_eq!(status, Some("Voided"));
                2
            }
            (true, _) => {
                assert_eq!((status, &found["totalPrice"]), (Some("Canceled"), &account.amount.into()));
                3
            }
        }
    }

    /// Checks that each payment is published at most once, and before its end.
    async fn check_events(&self) {
        let mut published = std::collections::HashMap::<BookingId, Vec<&str>>::new();
        for event in test_kit::fleet::outbox(&self.app.scratch.db).await {
            published.entry(event.booking_id()).or_default().push(event.event_type());
        }
        for (id, events) in published {
            let paid = events.iter().filter(|event| **event == "Paid").count();
            assert!(paid == 0 || (paid == 1 && events[0] == "Paid"), "{id}: {events:?}");
        }
    }
}
