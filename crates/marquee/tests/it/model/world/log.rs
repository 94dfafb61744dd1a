//! Outboxes, the log, and the events that each service applies.

use std::collections::{BTreeMap, HashSet};

use ::book::consumers::BookingEvents;
use ::book::domain::Booking;
use ::payment::consumers::PaymentEvents;
use ::payment::domain::Payment;
use ::ticket::consumers::TicketEvents;
use events::{BookingId, Event};
use jiff::Timestamp;
use messaging::BatchHandler;
use mypage::consumers::BookingStory;
use mypage::domain::Mypage;
use point::consumers::PointEvents;

use super::{Service, World};

/// An event in an outbox or in the log.
#[derive(Clone, Debug)]
pub struct Record {
    id: u64,
    event: Event,
    at: Timestamp,
}

#[derive(Debug, Default)]
pub struct Outbox {
    rows: Vec<Record>,
    /// The number of rows that are marked as sent.
    sent: usize,
}

#[derive(Debug, Default)]
pub struct Reader {
    /// The position in each booking's records.
    next: BTreeMap<BookingId, usize>,
    inbox: HashSet<u64>,
}

impl Service {
    /// The types of the events that the service reads.
    fn reads(self) -> &'static [&'static str] {
        match self {
            Self::Book => BookingEvents::READS,
            Self::Payment => PaymentEvents::READS,
            Self::Ticket => TicketEvents::READS,
            Self::Point => PointEvents::READS,
            Self::Mypage => BookingStory::READS,
        }
    }
}

impl World {
    /// Appends an event to the outbox of a service.
    pub(super) fn append(&mut self, service: Service, event: Option<Event>) {
        if let Some(event) = event {
            let record = Record { id: self.number(), event, at: self.now };
            self.outboxes[service as usize].rows.push(record);
        }
    }

    /// Publishes the next event of a service. Without the mark, it will be published again.
    pub fn relay(&mut self, service: Service, is_marked: bool) {
        let outbox = &mut self.outboxes[service as usize];
        if let Some(record) = outbox.rows.get(outbox.sent).cloned() {
            outbox.sent += usize::from(is_marked);
            self.log.entry(record.event.booking_id()).or_default().push(record);
        }
    }

    /// Applies the next record of a booking to a service. Without the commit, it will be delivered again.
    pub fn consume(&mut self, service: Service, key: BookingId, is_committed: bool) {
        let reader = &mut self.readers[service as usize];
        let next = reader.next.entry(key).or_default();
        let Some(record) = self.log.get(&key).and_then(|records| records.get(*next)).cloned() else {
            return;
        };
        *next += usize::from(is_committed);
        if reader.inbox.insert(record.id) {
            self.apply(service, &record);
        }
    }

    /// Applies an old record again, as after a replay or a repair, when its id is no longer in the inbox.
    pub fn replay(&mut self, service: Service, key: BookingId, nth: usize) {
        let record = self.log.get(&key).and_then(|records| records.get(nth % records.len().max(1))).cloned();
        let inbox = &self.readers[service as usize].inbox;
        if let Some(record) = record.filter(|record| inbox.contains(&record.id)) {
            self.apply(service, &record);
        }
    }

    fn apply(&mut self, service: Service, Record { event, at, .. }: &Record) {
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
            (Service::Ticket, Event::Booked(booked)) => self.issue_ticket(booked),
            (Service::Ticket, Event::CancelRequested(_)) => self.cancel_ticket(id),
            (Service::Ticket, Event::Canceled(_)) => self.follow_cancel(id),
            (Service::Point, Event::Created(created)) => self.append_waiting_row(created),
            (Service::Mypage, event) => {
                let known = self.mypages.remove(&id).unwrap_or_else(|| Mypage::unknown(id, *at));
                self.mypages.insert(id, known.after(event, *at));
            }
            (service, event) => panic!("{service:?} reads {}", event.event_type()),
        }
    }

    /// Returns true if every event is sent and read, and no operation is in progress.
    pub fn is_quiet(&self) -> bool {
        let is_sent = self.outboxes.iter().all(|outbox| outbox.sent == outbox.rows.len());
        let is_read = self.readers.iter().all(|reader| {
            let is_read = |(key, records): (&BookingId, &Vec<Record>)| {
                reader.next.get(key).copied().unwrap_or_default() == records.len()
            };
            self.log.iter().all(is_read)
        });
        is_sent && is_read && self.pending.is_empty()
    }

    /// The services with unsent events.
    pub fn unsent(&self) -> Vec<Service> {
        let has_unsent = |service: &Service| {
            let outbox = &self.outboxes[*service as usize];
            outbox.sent < outbox.rows.len()
        };
        Service::ALL.into_iter().filter(has_unsent).collect()
    }
}
