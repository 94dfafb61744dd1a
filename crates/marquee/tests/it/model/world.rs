//! The five services over the simulated log: their databases, their outboxes, and the requests that are under way.
//!
//! What decides is the services' own domain code. Around it stands here, in a few lines each, what the
//! services do with it in one transaction; each call of this module is one such transaction or one message,
//! and between any two anything may happen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use book::domain::{Booking, Hold, Row as BookingRow, Status as BookingStatus};
use events::{Booked, BookingId, CustomerId, Event, PaymentId, PointId, Price};
use jiff::Timestamp;
use mypage::domain::Mypage;
use payment::domain::{Charge, Payment, Reference, Row as PaymentRow, Status as PaymentStatus};
use point::domain::{Entry, Grant, Posting, Status as PointStatus};
use ticket::domain::{AwardOutcome, Ticket};

const HOLD: Duration = Duration::from_secs(60);
const ATTEMPT: Duration = Duration::from_secs(5);
/// The processor declines what costs more.
pub const DECLINES_OVER: i64 = 10_000;

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    Book,
    Payment,
    Ticket,
    Point,
    Mypage,
}

impl Service {
    pub const ALL: [Self; 5] = [Self::Book, Self::Payment, Self::Ticket, Self::Point, Self::Mypage];

    fn reads(self) -> &'static [&'static str] {
        use messaging::BatchHandler;
        match self {
            Self::Book => book::consumers::BookingEvents::READS,
            Self::Payment => payment::consumers::PaymentEvents::READS,
            Self::Ticket => ticket::consumers::TicketEvents::READS,
            Self::Point => point::consumers::PointEvents::READS,
            Self::Mypage => mypage::consumers::BookingStory::READS,
        }
    }
}

/// An event on its way.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: u64,
    pub event: Event,
    pub at: Timestamp,
}

/// A request that is under way: a transaction has been made for it, and another is to follow.
#[derive(Clone, Debug)]
pub enum Work {
    /// Book has begun an attempt to pay, and is about to ask payment.
    Asking(BookingId),
    /// Payment has been asked by the attempt of this number, if anybody waits for the answer.
    Charging { charge: Charge, is_charged: bool, for_attempt: u64 },
    /// A request to charge that reaches the provider late, or once more.
    Drifting(Charge),
    /// Payment is about to ask the provider to cancel.
    Refunding(BookingId),
    /// The provider has canceled, and payment is about to record it.
    Refunded { booking: BookingId, refunded: Option<Price> },
    /// Book waits for payment's answer.
    Waiting { booking: BookingId, attempt: u64, answer: Option<PaymentAnswer> },
    /// Book looks what payment has of a booking.
    Looking(BookingId),
    /// Ticket has counted a request for points, and is about to send it.
    Collecting(BookingId),
    /// Point has been asked.
    Awarding { booking: BookingId, ask: u64 },
    /// Ticket waits for point's answer.
    Hoping { booking: BookingId, ask: u64, is_granted: bool },
}

impl Work {
    /// In whose process it is, if in one of the fleet's.
    pub fn service(&self) -> Option<Service> {
        match self {
            Self::Asking(_) | Self::Waiting { .. } | Self::Looking(_) => Some(Service::Book),
            Self::Charging { .. } | Self::Refunding(_) | Self::Refunded { .. } => Some(Service::Payment),
            Self::Collecting(_) | Self::Hoping { .. } => Some(Service::Ticket),
            Self::Awarding { .. } => Some(Service::Point),
            Self::Drifting(_) => None,
        }
    }
}

impl Work {
    pub fn waits_for_an_answer(&self) -> bool {
        matches!(self, Self::Waiting { answer: None, .. } | Self::Hoping { is_granted: false, .. })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    Paid,
    Declined,
    NotReached,
}

/// A mistake that the services do not make: to see that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Payment does not remember that a booking was given up, and takes money that comes late.
    NoTombstone,
    /// Ticket lets go of a ticket whose points were asked for.
    CancelsWhileCollecting,
    /// Book keeps nothing of a booking that it once asked payment for.
    ForgetsWhatMayBePaid,
    /// Payment leaves its tombstone without asking the provider, which may be charging.
    VoidsAlone,
    /// Payment calls a charge without an answer "nothing was charged".
    CallsTheUnknownNothing,
}

/// What becomes of the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    /// It never leaves, and its sender knows.
    NotSent,
    /// It arrives, and nobody hears of that.
    Unanswered,
    /// It is lost on the way, and its sender does not know.
    Lost,
}

/// What the payment provider has under a booking's reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    pub charges: u32,
    pub refunds: u32,
    pub amount: i64,
    pub is_canceled: bool,
}

impl Account {
    pub fn stands(&self) -> bool {
        self.charges > self.refunds
    }

    fn refunded(&self) -> Option<Price> {
        (self.refunds > 0).then(|| Price::parse(self.amount).unwrap())
    }
}

/// A wish as a customer sends it.
#[derive(Clone, Debug)]
pub struct Wish {
    pub seats: BTreeSet<u8>,
    pub price: i64,
    pub pay_later: bool,
}

#[derive(Debug, Default)]
pub struct Outbox {
    rows: Vec<Told>,
    /// Those before are marked as sent.
    marked: usize,
}

#[derive(Debug, Default)]
struct Reader {
    /// Where it has got to in each booking's records.
    next: BTreeMap<BookingId, usize>,
    inbox: HashSet<u64>,
}

#[derive(Debug)]
pub struct World {
    pub now: Timestamp,
    pub bookings: BTreeMap<BookingId, Booking>,
    pub claims: BTreeMap<String, BookingId>,
    pub payments: BTreeMap<BookingId, Payment>,
    pub provider: BTreeMap<BookingId, Account>,
    /// With whether it was issued.
    pub tickets: BTreeMap<BookingId, (Ticket, bool)>,
    pub ledger: Vec<Entry>,
    pub mypages: BTreeMap<BookingId, Mypage>,
    pub outboxes: BTreeMap<Service, Outbox>,
    /// Records by their key, in the order in which they were published.
    pub log: BTreeMap<BookingId, Vec<Told>>,
    readers: BTreeMap<Service, Reader>,
    pub under_way: Vec<Work>,
    numbers: u64,
    opened: i64,
    flaw: Option<Flaw>,
}

impl World {
    pub fn new(flaw: Option<Flaw>) -> Self {
        Self {
            now: Timestamp::from_second(1_000_000_000).unwrap(),
            bookings: BTreeMap::new(),
            claims: BTreeMap::new(),
            payments: BTreeMap::new(),
            provider: BTreeMap::new(),
            tickets: BTreeMap::new(),
            ledger: Vec::new(),
            mypages: BTreeMap::new(),
            outboxes: Service::ALL.map(|service| (service, Outbox::default())).into(),
            log: BTreeMap::new(),
            readers: Service::ALL.map(|service| (service, Reader::default())).into(),
            under_way: Vec::new(),
            numbers: 0,
            opened: 0,
            flaw,
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    // Book.

    /// Claims the seats and keeps the wish; `None` when one is taken.
    pub fn open(&mut self, wish: &Wish) -> Option<BookingId> {
        let seats: Vec<String> = wish.seats.iter().map(|seat| format!("{seat}A")).collect();
        if seats.iter().any(|seat| self.claims.contains_key(seat)) {
            return None;
        }
        self.opened += 1;
        let id = BookingId::new(self.opened).unwrap();
        self.claims.extend(seats.iter().map(|seat| (seat.clone(), id)));
        let booking = Booking::restore(BookingRow {
            id,
            movie_name: Some("soul".to_owned()),
            seat: (!seats.is_empty()).then(|| seats.join(",")),
            qty: i64::try_from(seats.len().max(1)).unwrap(),
            total_price: Some(wish.price),
            name: "CGV".to_owned(),
            customer_id: CustomerId::new(33).ok(),
            status: BookingStatus::PaymentPending,
            paid: false,
            screening_id: None,
            starts_at: None,
            ends_at: None,
            theatre: None,
            hold: Hold::begin(self.now, HOLD, ATTEMPT, wish.pay_later),
            updated_at: self.now,
        });
        self.bookings.insert(id, booking);
        self.under_way.push(Work::Asking(id));
        Some(id)
    }

    fn keep_booking(&mut self, change: book::domain::Change) {
        let id = change.booking.id();
        if change.releases {
            self.claims.retain(|_, owner| *owner != id);
        }
        self.bookings.insert(id, change.booking);
        self.tell(Service::Book, change.event);
    }

    fn change_booking(&mut self, id: BookingId, transition: impl FnOnce(Booking) -> book::domain::Change) {
        if let Some(booking) = self.bookings.get(&id) {
            self.keep_booking(transition(booking.clone()));
        }
    }

    pub fn pay_again(&mut self, id: BookingId) {
        let begun =
            self.bookings.get(&id).and_then(|booking| booking.clone().begin_payment(self.now, ATTEMPT).ok());
        if let Some(change) = begun {
            self.keep_booking(change);
            self.under_way.push(Work::Asking(id));
        }
    }

    pub fn request_cancel(&mut self, id: BookingId) {
        let now = self.now;
        if let Some(Ok(change)) = self.bookings.get(&id).map(|booking| booking.clone().request_cancel(now)) {
            self.keep_booking(change);
        }
    }

    pub fn expire(&mut self, id: BookingId) {
        let now = self.now;
        self.change_booking(id, |booking| booking.expire(now));
    }

    pub fn look(&mut self, id: BookingId) {
        if let Some(change) =
            self.bookings.get(&id).and_then(|booking| booking.clone().begin_inquiry(self.now))
        {
            self.keep_booking(change);
            self.under_way.push(Work::Looking(id));
        }
    }

    fn settle(&mut self, id: BookingId, answer: Option<PaymentAnswer>, is_full: bool) {
        let now = self.now;
        let forgets = self.flaw == Some(Flaw::ForgetsWhatMayBePaid);
        let is_first = self.bookings.get(&id).is_some_and(|booking| {
            let hold = &booking.row().hold;
            let is_unknown_to_all = hold.attempts == 1 && !hold.is_published;
            booking.status() == BookingStatus::PaymentPending && (is_unknown_to_all || forgets)
        });
        match answer {
            Some(PaymentAnswer::Paid) => self.change_booking(id, Booking::register),
            Some(PaymentAnswer::Declined) => self.change_booking(id, Booking::decline),
            Some(PaymentAnswer::NotReached) if is_first && is_full => {
                self.claims.retain(|_, owner| *owner != id);
                self.bookings.remove(&id);
            }
            Some(PaymentAnswer::NotReached) => {
                self.change_booking(id, |booking| booking.keep_held(now, false));
            }
            None => self.change_booking(id, |booking| booking.keep_held(now, true)),
        }
    }

    // Requests under way.

    /// Takes one of them a step further. `is_full`: no more bookings may be held.
    pub fn advance(&mut self, index: usize, fate: Fate, is_full: bool) {
        match self.under_way.remove(index) {
            Work::Asking(id) => self.ask(id, fate),
            Work::Charging { charge, is_charged: false, for_attempt } => {
                self.charge(charge, for_attempt, fate);
            }
            Work::Charging { charge, is_charged: true, for_attempt } => {
                let answer = self.take_payment(charge);
                self.answer(for_attempt, answer, fate);
            }
            Work::Drifting(charge) => {
                self.provider_charges(charge);
            }
            Work::Refunding(booking) => self.ask_for_refund(booking, fate),
            Work::Refunded { booking, refunded } => self.end_refund(booking, refunded),
            Work::Waiting { booking, answer, .. } => self.settle(booking, answer, is_full),
            Work::Looking(id) => self.see_to_payment(id, fate),
            Work::Collecting(id) => self.ask_for_points(id, fate),
            Work::Awarding { booking, ask } => {
                self.grant(booking);
                self.grant_answered(ask, fate);
            }
            Work::Hoping { booking, is_granted, .. } => {
                let outcome = if is_granted { AwardOutcome::Granted } else { AwardOutcome::Unknown };
                self.change_ticket(booking, |ticket| ticket.settle(outcome));
            }
        }
    }

    /// A process dies, and everything that was under way in it. Who waits for it will wait in vain.
    pub fn crash(&mut self, service: Service) {
        self.under_way.retain(|work| work.service() != Some(service));
    }

    fn ask(&mut self, booking: BookingId, fate: Fate) {
        let attempt = self.number();
        let answer = (fate == Fate::NotSent).then_some(PaymentAnswer::NotReached);
        self.under_way.push(Work::Waiting { booking, attempt, answer });
        if !matches!(fate, Fate::Arrives | Fate::Unanswered) {
            return;
        }
        let Some(row) = self.bookings.get(&booking) else {
            return;
        };
        let price = Price::parse(row.amount_due().get()).unwrap();
        let charge = Charge { booking_id: booking, price };
        // One that nobody waits for any more is charged all the same.
        let for_attempt = if fate == Fate::Arrives { attempt } else { 0 };
        match self.payments.get(&booking).map(|payment| payment.clone().repeat(charge)) {
            Some(known) => {
                let answer = if known.is_ok() { PaymentAnswer::Paid } else { PaymentAnswer::Declined };
                self.answer(for_attempt, answer, Fate::Arrives);
            }
            None => self.under_way.push(Work::Charging { charge, is_charged: false, for_attempt }),
        }
    }

    /// Payment asks the provider, whose request or answer may be lost, late or doubled.
    fn charge(&mut self, charge: Charge, for_attempt: u64, fate: Fate) {
        match fate {
            Fate::Arrives => match self.provider_charges(charge) {
                Some(true) => {
                    self.under_way.push(Work::Charging { charge, is_charged: true, for_attempt });
                }
                Some(false) => self.answer(for_attempt, PaymentAnswer::Declined, Fate::Arrives),
                None => {}
            },
            Fate::NotSent => self.answer(for_attempt, PaymentAnswer::NotReached, Fate::Arrives),
            Fate::Unanswered | Fate::Lost => {
                if fate == Fate::Unanswered {
                    self.provider_charges(charge);
                }
                self.under_way.push(Work::Drifting(charge));
                if self.flaw == Some(Flaw::CallsTheUnknownNothing) {
                    self.answer(for_attempt, PaymentAnswer::NotReached, Fate::Arrives);
                }
            }
        }
    }

    /// Whether the charge stands; `None`: the reference stands for another amount.
    fn provider_charges(&mut self, charge: Charge) -> Option<bool> {
        let account = self.provider.entry(charge.booking_id).or_default();
        let amount = charge.price.get();
        if account.is_canceled || (account.charges == 0 && amount > DECLINES_OVER) {
            return Some(false);
        }
        if account.charges == 0 {
            *account = Account { charges: 1, amount, ..*account };
        }
        (account.amount == amount).then_some(true)
    }

    fn answer(&mut self, for_attempt: u64, answer: PaymentAnswer, fate: Fate) {
        for work in &mut self.under_way {
            if let Work::Waiting { attempt, answer: heard, .. } = work
                && *attempt == for_attempt
                && fate == Fate::Arrives
            {
                *heard = Some(answer);
            }
        }
    }

    fn see_to_payment(&mut self, id: BookingId, fate: Fate) {
        let Some(booking) = self.bookings.get(&id).filter(|_| fate == Fate::Arrives) else {
            return;
        };
        let pay_later = booking.row().hold.pay_later;
        self.record_unheard(id);
        match self.payments.get(&id).map(Payment::status) {
            Some(PaymentStatus::Paid) => self.settle(id, Some(PaymentAnswer::Paid), false),
            Some(_) => self.settle(id, Some(PaymentAnswer::Declined), false),
            None if pay_later => self.pay_again(id),
            None => {}
        }
    }

    // Payment.

    fn take_payment(&mut self, charge: Charge) -> PaymentAnswer {
        let Some(known) = self.payments.get(&charge.booking_id).cloned() else {
            self.insert_payment(charge, PaymentStatus::Paid);
            return PaymentAnswer::Paid;
        };
        let payment = known.charged(charge, &reference(charge.booking_id), self.now);
        self.payments.insert(charge.booking_id, payment.clone());
        if payment.repeat(charge).is_ok() { PaymentAnswer::Paid } else { PaymentAnswer::Declined }
    }

    /// An inquiry: a charge that stands without a record is recorded.
    fn record_unheard(&mut self, booking_id: BookingId) {
        let account = self.provider.get(&booking_id).copied().unwrap_or_default();
        if account.stands() && !self.payments.contains_key(&booking_id) {
            let price = Price::parse(account.amount).unwrap();
            self.insert_payment(Charge { booking_id, price }, PaymentStatus::Paid);
        }
    }

    fn insert_payment(&mut self, charge: Charge, status: PaymentStatus) {
        let id = PaymentId::new(i64::try_from(self.payments.len() + 1).unwrap()).unwrap();
        let booking_id = charge.booking_id;
        let is_paid = status == PaymentStatus::Paid;
        let payment = Payment::restore(PaymentRow {
            id,
            booking_id,
            total_price: charge.price,
            status,
            reference: is_paid.then(|| reference(booking_id)),
            taken: false,
            ask_at: (!is_paid).then_some(self.now),
        });
        let event = payment.event();
        self.payments.insert(booking_id, payment);
        self.tell(Service::Payment, event);
    }

    fn cancel_payment(
        &mut self,
        booking_id: BookingId,
        transition: fn(Payment, Timestamp) -> payment::domain::Change,
    ) {
        let Some(payment) = self.payments.get(&booking_id) else {
            let status = match self.flaw {
                Some(Flaw::NoTombstone) => return,
                Some(Flaw::VoidsAlone) => PaymentStatus::Voided,
                _ => PaymentStatus::Canceling,
            };
            return self.insert_payment(Charge { booking_id, price: Price::default() }, status);
        };
        let change = transition(payment.clone(), self.now);
        self.payments.insert(booking_id, change.payment);
        self.tell(Service::Payment, change.event);
    }

    /// The refunder comes by.
    pub fn refund(&mut self, id: BookingId) {
        if self.payments.get(&id).is_some_and(|payment| payment.status() == PaymentStatus::Canceling) {
            self.under_way.push(Work::Refunding(id));
        }
    }

    fn ask_for_refund(&mut self, booking: BookingId, fate: Fate) {
        if matches!(fate, Fate::NotSent | Fate::Lost) {
            return;
        }
        let account = self.provider.entry(booking).or_default();
        *account = Account { refunds: account.charges, is_canceled: true, ..*account };
        let refunded = account.refunded();
        if fate == Fate::Arrives {
            self.under_way.push(Work::Refunded { booking, refunded });
        }
    }

    fn end_refund(&mut self, booking: BookingId, refunded: Option<Price>) {
        let change = self.payments[&booking].clone().end_cancel(&reference(booking), refunded);
        self.payments.insert(booking, change.payment);
        self.tell(Service::Payment, change.event);
    }

    // Ticket.

    fn change_ticket(&mut self, id: BookingId, transition: impl FnOnce(Ticket) -> ticket::domain::Change) {
        if let Some((ticket, true)) = self.tickets.get(&id) {
            let change = transition(ticket.clone());
            self.tickets.insert(id, (change.ticket, true));
            self.tell(Service::Ticket, change.event);
        }
    }

    /// A customer is there to collect it, or the reconciler finishes what somebody began.
    pub fn collect(&mut self, id: BookingId, only_unfinished: bool) {
        let is_unfinished = |ticket: &Ticket| ticket.status() == ticket::domain::Status::Printing;
        let ticket = match self.tickets.get(&id) {
            Some((ticket, true)) if !only_unfinished || is_unfinished(ticket) => ticket.clone(),
            _ => return,
        };
        if let Ok(change) = ticket.collect() {
            let is_asked = change.ticket.status() == ticket::domain::Status::Printing;
            self.change_ticket(id, |_| change);
            if is_asked {
                self.under_way.push(Work::Collecting(id));
            }
        }
    }

    fn ask_for_points(&mut self, booking: BookingId, fate: Fate) {
        if fate == Fate::NotSent {
            return self.change_ticket(booking, |ticket| ticket.settle(AwardOutcome::NotReached));
        }
        let ask = self.number();
        self.under_way.push(Work::Hoping { booking, ask, is_granted: false });
        match fate {
            Fate::Arrives => self.under_way.push(Work::Awarding { booking, ask }),
            Fate::Unanswered => self.under_way.push(Work::Awarding { booking, ask: 0 }),
            Fate::NotSent | Fate::Lost => {}
        }
    }

    fn grant_answered(&mut self, for_ask: u64, fate: Fate) {
        for work in &mut self.under_way {
            if let Work::Hoping { ask, is_granted, .. } = work
                && *ask == for_ask
                && fate == Fate::Arrives
            {
                *is_granted = true;
            }
        }
    }

    fn issue(&mut self, booked: &Booked) {
        if self.tickets.contains_key(&booked.id) {
            return;
        }
        let (ticket, created) = Ticket::issue(booked.clone());
        self.tickets.insert(booked.id, (ticket, true));
        self.tell(Service::Ticket, Some(created.into()));
    }

    fn cancel_ticket(&mut self, booked: BookingId) {
        let (mut ticket, issued) =
            self.tickets.get(&booked).cloned().unwrap_or_else(|| (barred(booked), false));
        if self.flaw == Some(Flaw::CancelsWhileCollecting) {
            let row = ticket.row().clone();
            let is_printing = row.status == ticket::domain::Status::Printing;
            let status = if is_printing { ticket::domain::Status::Waiting } else { row.status };
            ticket = Ticket::restore(ticket::domain::Row { status, ..row });
        }
        let change = ticket.cancel();
        self.tickets.insert(booked, (change.ticket, issued));
        self.tell(Service::Ticket, change.event);
    }

    /// The booking is canceled, whoever decided it.
    fn follow_cancel(&mut self, booked: BookingId) {
        let Some((ticket, issued)) = self.tickets.get(&booked).cloned() else {
            return self.cancel_ticket(booked);
        };
        let change = ticket.cancel_elsewhere();
        self.tickets.insert(booked, (change.ticket, issued));
        self.tell(Service::Ticket, change.event);
    }

    // Point.

    fn find_entry(&self, id: BookingId, status: PointStatus) -> Option<&Entry> {
        let mut own = self.ledger.iter().filter(|entry| entry.posting().booking_id == id);
        own.find(|entry| entry.posting().status == status)
    }

    fn grant(&mut self, id: BookingId) {
        if self.find_entry(id, PointStatus::Pointed).is_none() {
            let grant = Grant::parse(Some(id), None, Some(100), None, None).unwrap();
            let waiting = self.find_entry(id, PointStatus::Waiting).cloned();
            self.post(grant.posting(waiting));
        }
    }

    fn post(&mut self, posting: Posting) {
        let id = PointId::new(i64::try_from(self.ledger.len() + 1).unwrap()).unwrap();
        let entry = Entry::restore(id, posting);
        let event = entry.event();
        self.ledger.push(entry);
        self.tell(Service::Point, Some(event));
    }

    // The log.

    fn tell(&mut self, service: Service, event: Option<Event>) {
        if let Some(event) = event {
            let told = Told { id: self.number(), event, at: self.now };
            self.outboxes.get_mut(&service).unwrap().rows.push(told);
        }
    }

    /// Publishes the next event of a service. Without a mark, it will be published once more.
    pub fn relay(&mut self, service: Service, is_marked: bool) {
        let outbox = self.outboxes.get_mut(&service).unwrap();
        let Some(told) = outbox.rows.get(outbox.marked).cloned() else {
            return;
        };
        outbox.marked += usize::from(is_marked);
        self.log.entry(told.event.booking_id()).or_default().push(told);
    }

    /// Applies the next record of one booking to one service. Without a commit, it will be delivered once more.
    pub fn consume(&mut self, service: Service, key: BookingId, is_committed: bool) {
        let reader = self.readers.get_mut(&service).unwrap();
        let next = reader.next.entry(key).or_default();
        let Some(told) = self.log.get(&key).and_then(|records| records.get(*next)).cloned() else {
            return;
        };
        *next += usize::from(is_committed);
        if reader.inbox.insert(told.id) {
            self.apply(service, &told);
        }
    }

    /// Delivers an old record to a service that does not remember it: replayed by hand, or told again by a repair.
    pub fn replay(&mut self, service: Service, key: BookingId, nth: usize) {
        let told = self.log.get(&key).and_then(|records| records.get(nth % records.len().max(1))).cloned();
        let is_known = |told: &Told| self.readers[&service].inbox.contains(&told.id);
        if let Some(told) = told.filter(is_known) {
            self.apply(service, &told);
        }
    }

    fn apply(&mut self, service: Service, told: &Told) {
        let event = &told.event;
        if !service.reads().contains(&event.event_type()) {
            return;
        }
        let id = event.booking_id();
        match (service, event) {
            (Service::Book, Event::Paid(paid)) => {
                self.change_booking(id, |booking| booking.confirm_payment(paid.total_price));
            }
            (Service::Book, Event::PaymentCanceled(_)) => self.change_booking(id, Booking::refund),
            (Service::Book, Event::CancelRejected(_)) => self.change_booking(id, Booking::reject_cancel),
            (Service::Book, Event::Printed(_)) => self.change_booking(id, Booking::collect),
            (Service::Payment, Event::TicketCanceled(_)) => {
                self.cancel_payment(id, Payment::cancel_for_ticket);
            }
            (Service::Payment, Event::HoldExpired(_)) => self.cancel_payment(id, Payment::cancel),
            (Service::Ticket, Event::Booked(booked)) => self.issue(booked),
            (Service::Ticket, Event::CancelRequested(_)) => self.cancel_ticket(id),
            (Service::Ticket, Event::Canceled(_)) => self.follow_cancel(id),
            (Service::Point, Event::Created(created)) => {
                let nothing_yet = [PointStatus::Waiting, PointStatus::Pointed]
                    .iter()
                    .all(|status| self.find_entry(id, *status).is_none());
                if nothing_yet {
                    let movie = created.movie_name.clone();
                    self.post(Posting::waiting(id, created.customer_id, movie));
                }
            }
            (Service::Mypage, event) => {
                let known = self.mypages.remove(&id).unwrap_or_else(|| Mypage::unknown(id, told.at));
                self.mypages.insert(id, known.after(event, told.at));
            }
            (service, event) => panic!("{service:?} reads {}", event.event_type()),
        }
    }

    /// Whether every event has left its service, and everybody has heard it.
    pub fn is_quiet(&self) -> bool {
        let is_sent = self.outboxes.values().all(|outbox| outbox.marked == outbox.rows.len());
        let is_read = self.readers.values().all(|reader| {
            self.log
                .iter()
                .all(|(key, records)| reader.next.get(key).copied().unwrap_or_default() == records.len())
        });
        is_sent && is_read && self.under_way.is_empty()
    }

    /// How everything stands, in words.
    pub fn ends(&self) -> impl Iterator<Item = String> {
        let bookings = self.bookings.values().map(|booking| format!("booking {}", booking.status()));
        let payments = self.payments.values().map(|payment| format!("payment {}", payment.status()));
        let tickets = self.tickets.values().map(|(ticket, _)| format!("ticket {}", ticket.status()));
        bookings.chain(payments).chain(tickets)
    }

    /// The services from whose outbox something is to leave.
    pub fn unsent(&self) -> Vec<Service> {
        let waiting = self.outboxes.iter().filter(|(_, outbox)| outbox.marked < outbox.rows.len());
        waiting.map(|(service, _)| *service).collect()
    }
}

fn reference(booking_id: BookingId) -> Reference {
    Reference::of(&"model".parse().unwrap(), booking_id)
}

/// The memory that no ticket is to be made.
fn barred(booking_id: BookingId) -> Ticket {
    Ticket::restore(ticket::domain::Row {
        booking_id,
        movie_name: None,
        qty: None,
        seat: None,
        customer_id: None,
        screening: events::Screening::default(),
        status: ticket::domain::Status::Canceled,
        asks: 0,
    })
}
