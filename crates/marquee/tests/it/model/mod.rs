//! The rules of the five services as one state machine: their own domain code, wired by a simulated log,
//! while messages are lost, doubled, delayed and reordered, answers are lost, and processes die between any
//! two steps.
//!
//! What the log keeps is the order of one booking's events by one producer, and nothing else. What customers
//! do is the model; what must be true of the services is said in `check`, at every step, and at the end by
//! the auditor, once nothing goes wrong any more.

mod check;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use book::domain::Status as BookingStatus;
use events::BookingId;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use world::{DECLINES_OVER, Fate, Flaw, Service, Wish, World};

/// 300,000 steps in all.
const CASES: u32 = 1_500;
const STEPS: usize = 200;
/// Walks that are taken to see where they lead to.
const SAMPLES: usize = 1_000;
/// Wishes of one case: few, so that most of what happens concerns the same bookings.
const WISHES_MAX: usize = 5;

/// What customers did: wish by wish.
#[derive(Clone, Debug, Default)]
struct Customers {
    wishes: usize,
    canceled: BTreeSet<usize>,
    collected: BTreeSet<usize>,
}

/// One step. Bookings are named by the number of their wish; what is under way, by any index.
#[derive(Clone, Debug)]
enum Step {
    Book(Wish),
    PayAgain(usize),
    Cancel(usize),
    Collect(usize),
    /// Takes a request that is under way one step further; or book may hold no more meanwhile.
    Advance(Index, Fate, bool),
    /// Book's reconciler, ticket's, and payment's refunder come by.
    Reconcile(usize),
    Relay(Service, bool),
    Consume(Service, usize, bool),
    Replay(Service, usize, usize),
    Crash(Service),
    Wait(u64),
}

impl ReferenceStateMachine for Customers {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(customers: &Self) -> BoxedStrategy<Step> {
        let service = || proptest::sample::select(&Service::ALL[..]);
        let number = || 0..customers.wishes.max(1);
        let fate = prop_oneof![
            6 => Just(Fate::Arrives),
            1 => Just(Fate::NotSent),
            1 => Just(Fate::Unanswered),
            1 => Just(Fate::Lost),
        ];
        let often = || proptest::bool::weighted(0.8);
        let wait = || (1..40_u64).prop_map(Step::Wait);
        let book =
            if customers.wishes < WISHES_MAX { wish().prop_map(Step::Book).boxed() } else { wait().boxed() };
        prop_oneof![
            3 => book,
            1 => number().prop_map(Step::PayAgain),
            1 => number().prop_map(Step::Cancel),
            2 => number().prop_map(Step::Collect),
            14 => (any::<Index>(), fate, proptest::bool::weighted(0.2))
                .prop_map(|(index, fate, is_full)| Step::Advance(index, fate, is_full)),
            2 => number().prop_map(Step::Reconcile),
            14 => (service(), often()).prop_map(|(service, is_marked)| Step::Relay(service, is_marked)),
            28 => (service(), number(), often())
                .prop_map(|(service, number, is_committed)| Step::Consume(service, number, is_committed)),
            1 => (service(), number(), 0..8_usize)
                .prop_map(|(service, number, nth)| Step::Replay(service, number, nth)),
            2 => service().prop_map(Step::Crash),
            2 => wait(),
        ]
        .boxed()
    }

    fn apply(mut customers: Self, step: &Step) -> Self {
        match step {
            Step::Book(_) => customers.wishes += 1,
            Step::Cancel(number) if *number < customers.wishes => {
                customers.canceled.insert(*number);
            }
            Step::Collect(number) if *number < customers.wishes => {
                customers.collected.insert(*number);
            }
            _ => {}
        }
        customers
    }
}

/// Up to two of three seats, or none at all; and now and then more than the processor takes.
fn wish() -> impl Strategy<Value = Wish> {
    let seats = proptest::collection::btree_set(1..=3_u8, 0..=2);
    let price = prop_oneof![1 => Just(0), 6 => Just(DECLINES_OVER), 1 => Just(DECLINES_OVER + 1)];
    (seats, price, any::<bool>()).prop_map(|(seats, price, pay_later)| Wish { seats, price, pay_later })
}

/// The services, and which booking came of which wish.
struct Fleet {
    world: World,
    opened: Vec<Option<BookingId>>,
}

impl Fleet {
    fn with_flaw(flaw: Option<Flaw>) -> Self {
        Self { world: World::new(flaw), opened: Vec::new() }
    }

    /// Takes all steps, and checks what must be true after each and at the end.
    fn walk(mut self, steps: Vec<Step>) -> Self {
        let mut customers = Customers::default();
        for step in steps {
            customers = <Customers as ReferenceStateMachine>::apply(customers, &step);
            self = <Self as StateMachineTest>::apply(self, &customers, step);
            Self::check_invariants(&self, &customers);
        }
        check::settle(&mut self.world);
        Self::check_invariants(&self, &customers);
        check::money_is_kept_for_what_lives(&self.world);
        check::every_story_is_right(&self.world);
        self
    }

    /// Something to do with the booking of a wish, if there is one.
    fn with(&mut self, number: usize, work: impl FnOnce(&mut World, BookingId)) {
        if let Some(Some(id)) = self.opened.get(number) {
            work(&mut self.world, *id);
        }
    }
}

impl StateMachineTest for Fleet {
    type SystemUnderTest = Self;
    type Reference = Customers;

    fn init_test(_: &Customers) -> Self {
        Self::with_flaw(None)
    }

    fn apply(mut fleet: Self, _: &Customers, step: Step) -> Self {
        match step {
            Step::Book(wish) => {
                let opened = fleet.world.open(&wish);
                fleet.opened.push(opened);
            }
            Step::PayAgain(number) => fleet.with(number, World::pay_again),
            Step::Cancel(number) => fleet.with(number, World::request_cancel),
            Step::Collect(number) => fleet.with(number, |world, id| world.collect(id, false)),
            Step::Advance(index, fate, is_full) => {
                let count = fleet.world.under_way.len();
                if count > 0 {
                    fleet.world.advance(index.index(count), fate, is_full);
                }
            }
            Step::Reconcile(number) => fleet.with(number, |world, id| {
                world.expire(id);
                world.look(id);
                world.collect(id, true);
                world.refund(id);
            }),
            Step::Relay(service, is_marked) => fleet.world.relay(service, is_marked),
            Step::Consume(service, number, is_committed) => {
                fleet.with(number, |world, id| world.consume(service, id, is_committed));
            }
            Step::Replay(service, number, nth) => {
                fleet.with(number, |world, id| world.replay(service, id, nth));
            }
            Step::Crash(service) => fleet.world.crash(service),
            Step::Wait(seconds) => fleet.world.now += Duration::from_secs(seconds),
        }
        fleet
    }

    fn check_invariants(fleet: &Self, customers: &Customers) {
        check::no_seat_is_sold_twice(&fleet.world);
        check::money_moves_once(&fleet.world);
        check::what_is_collected_is_paid(&fleet.world);
        check::tickets_are_for_what_was_booked(&fleet.world);
        check::points_are_for_collected_tickets(&fleet.world);
        for (number, id) in fleet.opened.iter().enumerate() {
            let booking = id.and_then(|id| fleet.world.bookings.get(&id));
            match booking.map(book::domain::Booking::status) {
                Some(BookingStatus::Canceled) => assert!(customers.canceled.contains(&number), "{id:?}"),
                Some(BookingStatus::PrintComplete) => {
                    assert!(customers.collected.contains(&number), "{id:?}");
                }
                _ => {}
            }
        }
    }

    fn teardown(mut fleet: Self, customers: Customers) {
        check::settle(&mut fleet.world);
        Self::check_invariants(&fleet, &customers);
        check::money_is_kept_for_what_lives(&fleet.world);
        check::every_story_is_right(&fleet.world);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_lost_doubled_or_delayed_in_the_end_all_services_tell_one_story(sequential STEPS => Fleet);
}

/// Otherwise what is said above would be said of nothing.
#[test]
fn the_walks_lead_to_every_end_there_is() {
    let mut ends = BTreeMap::<String, usize>::new();
    for steps in samples() {
        for end in Fleet::with_flaw(None).walk(steps).world.ends() {
            *ends.entry(end).or_default() += 1;
        }
    }
    let reached: Vec<&str> = ends.keys().map(String::as_str).collect();
    let expected = [
        "booking Canceled",
        "booking Declined",
        "booking Expired",
        "booking PaidComplete",
        "booking PrintComplete",
        "payment Canceled",
        "payment Paid",
        "payment Voided",
        "ticket Canceled",
        "ticket Printed",
        "ticket Waiting",
    ];
    assert_eq!(reached, expected, "{ends:?}");
}

#[test]
fn a_flaw_in_a_service_is_found() {
    for flaw in [
        Flaw::NoTombstone,
        Flaw::CancelsWhileCollecting,
        Flaw::ForgetsWhatMayBePaid,
        Flaw::VoidsAlone,
        Flaw::CallsTheUnknownNothing,
    ] {
        let goes_wrong =
            |steps| std::panic::catch_unwind(|| Fleet::with_flaw(Some(flaw)).walk(steps)).is_err();
        assert!(samples().any(goes_wrong), "{flaw:?}");
    }
}

/// The same walks each time.
fn samples() -> impl Iterator<Item = Vec<Step>> {
    let mut runner = TestRunner::deterministic();
    let walks = Customers::sequential_strategy(STEPS);
    (0..SAMPLES).map(move |_| {
        let (_, steps, _) = walks.new_tree(&mut runner).unwrap().current();
        steps
    })
}
