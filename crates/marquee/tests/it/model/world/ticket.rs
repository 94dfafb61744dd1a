//! Ticket, and point, which grants the points of a collection.

use std::collections::btree_map;

use ::ticket::domain::{AwardOutcome, Change, Row, Status, Ticket};
use events::{Booked, BookingId, Created, PointId, Screening};
use point::domain::{Entry, Grant, Posting, Status as PointStatus};

use super::{Fate, Flaw, Pending, Service, World};

impl World {
    fn apply_ticket(&mut self, change: Change, is_issued: bool) {
        self.tickets.insert(change.ticket.row().booking_id, (change.ticket, is_issued));
        self.append(Service::Ticket, change.event);
    }

    fn settle_points(&mut self, id: BookingId, outcome: AwardOutcome) {
        if let Some((ticket, true)) = self.tickets.get(&id) {
            self.apply_ticket(ticket.clone().settle(outcome), true);
        }
    }

    /// A customer collects the ticket, or the reconciler resumes an interrupted collection.
    pub fn collect(&mut self, id: BookingId, only_interrupted: bool) {
        let Some((ticket, true)) = self.tickets.get(&id) else { return };
        if only_interrupted && ticket.status() != Status::Printing {
            return;
        }
        if let Ok(change) = ticket.clone().collect() {
            if change.ticket.status() == Status::Printing {
                self.pending.push(Pending::RequestPoints(id));
            }
            self.apply_ticket(change, true);
        }
    }

    pub(super) fn request_points(&mut self, booking: BookingId, fate: Fate) {
        if fate == Fate::NotSent {
            return self.settle_points(booking, AwardOutcome::NotReached);
        }
        let request = self.number();
        self.pending.push(Pending::AwaitPoints { booking, request, is_granted: false });
        match fate {
            Fate::Arrives => self.pending.push(Pending::GrantPoints { booking, request }),
            Fate::Unanswered => self.pending.push(Pending::GrantPoints { booking, request: 0 }),
            Fate::NotSent | Fate::Lost => {}
        }
    }

    pub(super) fn settle_collecting(&mut self, booking: BookingId, is_granted: bool) {
        self.settle_points(booking, if is_granted { AwardOutcome::Granted } else { AwardOutcome::Unknown });
    }

    pub(super) fn issue_ticket(&mut self, booked: &Booked) {
        if let btree_map::Entry::Vacant(vacant) = self.tickets.entry(booked.id) {
            let (ticket, created) = Ticket::issue(booked.clone());
            vacant.insert((ticket, true));
            self.append(Service::Ticket, Some(created.into()));
        }
    }

    pub(super) fn cancel_ticket(&mut self, id: BookingId) {
        let (mut ticket, is_issued) = self.tickets.get(&id).cloned().unwrap_or_else(|| (barred(id), false));
        if self.flaw == Some(Flaw::CancelsWhileCollecting) && ticket.status() == Status::Printing {
            ticket = Ticket::restore(Row { status: Status::Waiting, ..ticket.row().clone() });
        }
        self.apply_ticket(ticket.cancel(), is_issued);
    }

    /// The booking is canceled, whether or not ticket has decided it.
    pub(super) fn follow_cancel(&mut self, id: BookingId) {
        match self.tickets.get(&id).cloned() {
            Some((ticket, is_issued)) => self.apply_ticket(ticket.cancel_elsewhere(), is_issued),
            None => self.cancel_ticket(id),
        }
    }

    fn find_entry(&self, id: BookingId, status: PointStatus) -> Option<&Entry> {
        self.ledger.iter().find(|entry| entry.posting().booking_id == id && entry.posting().status == status)
    }

    /// Point grants the points, once, and its answer reaches ticket, if it still waits.
    pub(super) fn grant_points(&mut self, id: BookingId, for_request: u64, fate: Fate) {
        if self.find_entry(id, PointStatus::Pointed).is_none() {
            let grant = Grant::parse(Some(id), None, Some(100), None, None).unwrap();
            let waiting = self.find_entry(id, PointStatus::Waiting).cloned();
            self.post(grant.posting(waiting));
        }
        for pending in &mut self.pending {
            if let Pending::AwaitPoints { request, is_granted, .. } = pending
                && *request == for_request
                && fate == Fate::Arrives
            {
                *is_granted = true;
            }
        }
    }

    pub(super) fn append_waiting_row(&mut self, created: &Created) {
        let id = created.booking_id;
        let is_known = |status| self.find_entry(id, status).is_some();
        if !is_known(PointStatus::Waiting) && !is_known(PointStatus::Pointed) {
            self.post(Posting::waiting(id, created.customer_id, created.movie_name.clone()));
        }
    }

    fn post(&mut self, posting: Posting) {
        let id = PointId::new(i64::try_from(self.ledger.len() + 1).unwrap()).unwrap();
        let entry = Entry::restore(id, posting);
        let event = entry.event();
        self.ledger.push(entry);
        self.append(Service::Point, Some(event));
    }
}

/// A canceled ticket that was never issued, which prevents a later one.
fn barred(booking_id: BookingId) -> Ticket {
    Ticket::restore(Row {
        booking_id,
        movie_name: None,
        qty: None,
        seat: None,
        customer_id: None,
        screening: Screening::default(),
        status: Status::Canceled,
        point_requests: 0,
    })
}
