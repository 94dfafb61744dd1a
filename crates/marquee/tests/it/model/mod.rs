//! The rules of the five services as one state machine: their own domain code over a simulated log, while
//! messages are lost, duplicated, delayed and reordered, answers are lost, and processes crash between any
//! two steps.
//!
//! The log keeps the order of one booking's events by one producer, and nothing else. The reference model
//! contains only the customers' requests. `check` states what must be true after every step and, once no more
//! faults happen, at the end.

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

use world::{DECLINES_OVER, Fate, Flaw, Order, Service, World};

/// Number of walks: 300,000 steps in total.
const CASES: u32 = 1_500;
const STEPS: usize = 200;
/// Number of walks for the tests of the model itself.
const SAMPLES: usize = 1_000;
/// Maximum number of orders in a walk: few, so that most steps concern the same bookings.
const ORDERS_MAX: usize = 5;

/// The requests of the customers.
#[derive(Clone, Debug, Default)]
struct Customers {
    orders: usize,
    canceled: BTreeSet<usize>,
    collected: BTreeSet<usize>,
}

/// One step. The number of its order names a booking, and any index an operation in progress.
#[derive(Clone, Debug)]
enum Step {
    Book(Order),
    PayAgain(usize),
    Cancel(usize),
    Collect(usize),
    /// Takes an operation one step further. The flag: the limit of held bookings is reached.
    Advance(Index, Fate, bool),
    /// Runs the reconcilers of book and ticket, and payment's refunder.
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
        let number = || 0..customers.orders.max(1);
        let fate = prop_oneof![
            6 => Just(Fate::Arrives),
            1 => Just(Fate::NotSent),
            1 => Just(Fate::Unanswered),
            1 => Just(Fate::Lost),
        ];
        let often = || proptest::bool::weighted(0.8);
        let wait = || (1..40_u64).prop_map(Step::Wait);
        let book =
            if customers.orders < ORDERS_MAX { order().prop_map(Step::Book).boxed() } else { wait().boxed() };
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
            Step::Book(_) => customers.orders += 1,
            Step::Cancel(number) if *number < customers.orders => {
                customers.canceled.insert(*number);
            }
            Step::Collect(number) if *number < customers.orders => {
                customers.collected.insert(*number);
            }
            _ => {}
        }
        customers
    }
}

/// Up to two of three seats, or none; and sometimes a price that the provider declines.
fn order() -> impl Strategy<Value = Order> {
    let seats = proptest::collection::btree_set(1..=3_u8, 0..=2);
    let price = prop_oneof![1 => Just(0), 6 => Just(DECLINES_OVER), 1 => Just(DECLINES_OVER + 1)];
    (seats, price, any::<bool>()).prop_map(|(seats, price, pay_later)| Order { seats, price, pay_later })
}

/// The services, and the booking of each order.
struct Fleet {
    world: World,
    opened: Vec<Option<BookingId>>,
}

impl Fleet {
    fn with_flaw(flaw: Option<Flaw>) -> Self {
        Self { world: World::new(flaw), opened: Vec::new() }
    }

    /// Takes all steps, and checks the invariants after each and at the end.
    fn walk(mut self, steps: Vec<Step>) -> Self {
        let mut customers = Customers::default();
        for step in steps {
            customers = <Customers as ReferenceStateMachine>::apply(customers, &step);
            self = <Self as StateMachineTest>::apply(self, &customers, step);
            Self::check_invariants(&self, &customers);
        }
        self.settle(&customers);
        self
    }

    /// Lets everything come to its end without further faults, and checks the result.
    fn settle(&mut self, customers: &Customers) {
        check::settle(&mut self.world);
        Self::check_invariants(self, customers);
        check::only_live_bookings_are_charged(&self.world);
        check::every_booking_passes_the_audit(&self.world);
    }

    /// Calls `work` with the booking of an order, if it exists.
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
            Step::Book(order) => {
                let opened = fleet.world.open(&order);
                fleet.opened.push(opened);
            }
            Step::PayAgain(number) => fleet.with(number, World::pay_again),
            Step::Cancel(number) => fleet.with(number, World::request_cancel),
            Step::Collect(number) => fleet.with(number, |world, id| world.collect(id, false)),
            Step::Advance(index, fate, is_full) => {
                let count = fleet.world.pending.len();
                if count > 0 {
                    fleet.world.advance(index.index(count), fate, is_full);
                }
            }
            Step::Reconcile(number) => fleet.with(number, |world, id| {
                world.expire(id);
                world.begin_inquiry(id);
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
        check::each_booking_is_charged_once(&fleet.world);
        check::collected_tickets_are_paid(&fleet.world);
        check::tickets_have_a_booking(&fleet.world);
        check::points_belong_to_collected_tickets(&fleet.world);
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
        fleet.settle(&customers);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("proptest-regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn all_services_agree_after_faults(sequential STEPS => Fleet);
}

/// Otherwise, the checks could pass without meeting a state that they are about.
#[test]
fn walks_reach_every_final_status() {
    let mut counts = BTreeMap::<String, usize>::new();
    for steps in samples() {
        for status in Fleet::with_flaw(None).walk(steps).world.statuses() {
            *counts.entry(status).or_default() += 1;
        }
    }
    let reached: Vec<&str> = counts.keys().map(String::as_str).collect();
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
    assert_eq!(reached, expected, "{counts:?}");
}

#[test]
fn walks_find_each_planted_flaw() {
    for flaw in [
        Flaw::NoTombstone,
        Flaw::CancelsWhileCollecting,
        Flaw::DeletesWhatMayBePaid,
        Flaw::VoidsWithoutTheProvider,
        Flaw::ReportsUnknownAsNotCharged,
    ] {
        let fails = |steps| std::panic::catch_unwind(|| Fleet::with_flaw(Some(flaw)).walk(steps)).is_err();
        assert!(samples().any(fails), "{flaw:?}");
    }
}

/// Sample walks, the same in each run.
fn samples() -> impl Iterator<Item = Vec<Step>> {
    let mut runner = TestRunner::deterministic();
    let walks = Customers::sequential_strategy(STEPS);
    (0..SAMPLES).map(move |_| {
        let (_, steps, _) = walks.new_tree(&mut runner).unwrap().current();
        steps
    })
}
