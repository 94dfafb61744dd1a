//! The five services over a simulated log: their states, their outboxes, and the operations in progress.
//!
//! The services' own domain code makes every decision. The files below repeat what its callers do with the
//! decisions: each function is one transaction or one message, and any fault may happen between two of them.
//!
//! They do not call `app/` or the routers, for two reasons. A request is one future, so no fault could happen
//! between its transactions. And with a database, 500,000 steps, each followed by checks of all states, would
//! take hours. `payment/tests/it/model.rs` walks through one service with its SQL and HTTP, and the other
//! tests of this crate run real processes.
//!
//! - `book`: bookings, attempts to pay, holds.
//! - `payment`: payments, and the provider with its accounts.
//! - `ticket`: tickets, and the points that a collection requests.
//! - `log`: outboxes, the log, and the events that each service applies.

mod book;
mod log;
mod payment;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};

use ::book::domain::{Booking, PaymentAnswer};
use ::payment::domain::{Charge, Payment};
use ::ticket::domain::Ticket;
use events::{BookingId, Price};
use jiff::Timestamp;
use mypage::domain::Mypage;
use point::domain::Entry;

use log::{Outbox, Reader, Record};

pub use payment::{Account, DECLINES_OVER};

/// A service that publishes and reads events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Book,
    Payment,
    Ticket,
    Point,
    Mypage,
}

impl Service {
    pub const ALL: [Self; 5] = [Self::Book, Self::Payment, Self::Ticket, Self::Point, Self::Mypage];
}

/// An operation in progress: the next step of a request, or an answer that a request waits for.
#[derive(Clone, Debug)]
pub enum Pending {
    /// Book has begun an attempt to pay, and will call payment.
    RequestPayment(BookingId),
    /// Payment will call the provider or, after the charge, record the payment, and then answer `attempt`.
    Charge { charge: Charge, is_charged: bool, attempt: u64 },
    /// A delayed or duplicated charge request will reach the provider.
    LateCharge(Charge),
    /// Payment will ask the provider to cancel.
    RequestRefund(BookingId),
    /// The provider has canceled, and payment will record it.
    RecordRefund { booking: BookingId, refunded: Option<Price> },
    /// Book waits for payment's answer, which is unknown until it arrives.
    AwaitPayment { booking: BookingId, attempt: u64, answer: PaymentAnswer },
    /// Book will ask payment for the outcome of earlier attempts.
    Inquire(BookingId),
    /// Ticket has counted a request for points, and will send it.
    RequestPoints(BookingId),
    /// Point will grant the points, and then answer `request`.
    GrantPoints { booking: BookingId, request: u64 },
    /// Ticket waits for point's answer.
    AwaitPoints { booking: BookingId, request: u64, is_granted: bool },
}

impl Pending {
    /// The service whose process runs the operation.
    fn service(&self) -> Option<Service> {
        match self {
            Self::RequestPayment(_) | Self::AwaitPayment { .. } | Self::Inquire(_) => Some(Service::Book),
            Self::Charge { .. } | Self::RequestRefund(_) | Self::RecordRefund { .. } => {
                Some(Service::Payment)
            }
            Self::RequestPoints(_) | Self::AwaitPoints { .. } => Some(Service::Ticket),
            Self::GrantPoints { .. } => Some(Service::Point),
            Self::LateCharge(_) => None,
        }
    }

    /// Returns true if the operation waits for an answer that has not arrived.
    pub fn is_unanswered(&self) -> bool {
        matches!(
            self,
            Self::AwaitPayment { answer: PaymentAnswer::Unknown, .. }
                | Self::AwaitPoints { is_granted: false, .. }
        )
    }
}

/// A mistake that the services do not make. The test plants it, and checks that the walks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Payment records no tombstone, and accepts a charge that comes after the booking's end.
    NoTombstone,
    /// Ticket cancels a ticket whose points were requested.
    CancelsWhileCollecting,
    /// Book deletes a booking that it may have requested a payment for.
    DeletesWhatMayBePaid,
    /// Payment records its tombstone without asking the provider, which may be charging.
    VoidsWithoutTheProvider,
    /// Payment reports a charge without an answer as not charged.
    ReportsUnknownAsNotCharged,
}

/// What happens to the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and is answered.
    Arrives,
    /// It is not sent, and the sender knows it.
    NotSent,
    /// It arrives, but its answer is lost.
    Unanswered,
    /// It is lost, and the sender does not know it.
    Lost,
}

/// An order of a customer.
#[derive(Clone, Debug)]
pub struct Order {
    pub seats: BTreeSet<u8>,
    pub price: i64,
    pub pay_later: bool,
}

#[derive(Debug, Default)]
pub struct World {
    pub now: Timestamp,
    pub bookings: BTreeMap<BookingId, Booking>,
    /// The owner of each claimed seat.
    pub claims: BTreeMap<String, BookingId>,
    pub payments: BTreeMap<BookingId, Payment>,
    pub provider: BTreeMap<BookingId, Account>,
    /// Tickets, and whether each was issued or only barred.
    pub tickets: BTreeMap<BookingId, (Ticket, bool)>,
    pub ledger: Vec<Entry>,
    pub mypages: BTreeMap<BookingId, Mypage>,
    /// The published records of each booking, in order.
    pub log: BTreeMap<BookingId, Vec<Record>>,
    pub pending: Vec<Pending>,
    outboxes: [Outbox; Service::ALL.len()],
    readers: [Reader; Service::ALL.len()],
    last_number: u64,
    last_booking: i64,
    flaw: Option<Flaw>,
}

impl World {
    pub fn new(flaw: Option<Flaw>) -> Self {
        Self { now: Timestamp::from_second(1_000_000_000).unwrap(), flaw, ..Self::default() }
    }

    /// A number that was not used before.
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Takes an operation one step further. `is_full`: the limit of held bookings is reached.
    pub fn advance(&mut self, index: usize, fate: Fate, is_full: bool) {
        match self.pending.remove(index) {
            Pending::RequestPayment(id) => self.request_payment(id, fate),
            Pending::Charge { charge, is_charged: false, attempt } => self.charge(charge, attempt, fate),
            Pending::Charge { charge, is_charged: true, attempt } => {
                let answer = self.record_payment(charge);
                if fate == Fate::Arrives {
                    self.answer(attempt, answer);
                }
            }
            Pending::LateCharge(charge) => {
                self.provider_charges(charge);
            }
            Pending::RequestRefund(id) => self.request_refund(id, fate),
            Pending::RecordRefund { booking, refunded } => self.record_refund(booking, refunded),
            Pending::AwaitPayment { booking, answer, .. } => self.settle(booking, answer, is_full),
            Pending::Inquire(id) => self.inquire(id, fate),
            Pending::RequestPoints(id) => self.request_points(id, fate),
            Pending::GrantPoints { booking, request } => self.grant_points(booking, request, fate),
            Pending::AwaitPoints { booking, is_granted, .. } => self.settle_collecting(booking, is_granted),
        }
    }

    /// A process dies with its operations. Operations that wait for its answers get none.
    pub fn crash(&mut self, service: Service) {
        self.pending.retain(|pending| pending.service() != Some(service));
    }

    /// The statuses of all bookings, payments and tickets.
    pub fn statuses(&self) -> impl Iterator<Item = String> {
        let bookings = self.bookings.values().map(|booking| format!("booking {}", booking.status()));
        let payments = self.payments.values().map(|payment| format!("payment {}", payment.status()));
        let tickets = self.tickets.values().map(|(ticket, _)| format!("ticket {}", ticket.status()));
        bookings.chain(payments).chain(tickets)
    }
}
