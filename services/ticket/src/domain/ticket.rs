//! A ticket and every way it may go.
//!
//! ```text
//! Waiting ─▶ Printing ─▶ Printed
//!    │  ◀────────┘ no request for its points has left
//!    └─▶ Canceled
//! ```
//!
//! Points are granted by another service, and a request for them may get lost on the way there or back. So a ticket
//! counts its requests before they are sent, and takes one off the count only when it is certain that it never left.
//! While the count is above zero the points may have been granted, and the ticket counts as collected: that is why there
//! is never a refund for a collected ticket, and there are never points for a canceled one.

use events::{
    Booked, BookingId, CancelRejected, Created, CustomerId, Event, Printed, Screening, TicketCanceled,
    TicketId, UnknownStatus,
};
use strum::{Display, EnumString};

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// It can be collected, or canceled.
    Waiting,
    /// Its points were asked for; to a cancel it counts as collected.
    Printing,
    /// Points granted, ticket handed out. Final.
    Printed,
    /// Void. Final.
    Canceled,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    row: Row,
}

/// All a ticket consists of: how the store keeps it and how a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Also the ticket's id.
    pub booking_id: BookingId,
    pub movie_name: Option<String>,
    pub qty: Option<i64>,
    pub seat: Option<String>,
    pub customer_id: Option<CustomerId>,
    /// Empty for a booking of a movie alone, and for tickets from before they named their screening.
    pub screening: Screening,
    pub status: Status,
    /// Requests for its points that may have reached the point service.
    pub asks: i64,
}

/// A ticket after a transition, and the event that tells of it, if it is one that others must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub ticket: Ticket,
    pub event: Option<Event>,
}

/// How one request for a ticket's points ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardOutcome {
    /// They are granted, by this request or by an earlier one.
    Granted,
    /// The request never reached the point service.
    NotReached,
    /// They may or may not have been granted.
    Unknown,
}

/// Why a ticket cannot be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectRefused {
    #[error("the ticket is void: its booking was canceled")]
    Canceled,
}

impl Ticket {
    /// The ticket of a paid booking, and the event that tells of it.
    pub fn issue(booked: Booked) -> (Self, Created) {
        let status = Status::Waiting;
        let created = Created {
            id: booked.id.into(),
            booking_id: booked.id,
            status: Some(status.to_string()),
            movie_name: booked.movie_name.clone(),
            qty: booked.qty,
            seat: booked.seat.clone(),
            customer_id: booked.customer_id,
            screening: booked.screening.clone(),
        };
        let row = Row {
            booking_id: booked.id,
            movie_name: booked.movie_name,
            qty: booked.qty,
            seat: booked.seat,
            customer_id: booked.customer_id,
            screening: booked.screening,
            status,
            asks: 0,
        };
        (Self { row }, created)
    }

    /// A ticket as the store found it.
    pub fn restore(row: Row) -> Self {
        Self { row }
    }

    pub fn id(&self) -> TicketId {
        self.row.booking_id.into()
    }

    pub fn status(&self) -> Status {
        self.row.status
    }

    pub fn row(&self) -> &Row {
        &self.row
    }

    /// Somebody is there to collect it. A printed one was collected already: nothing is left to ask for.
    ///
    /// # Errors
    ///
    /// When it is void.
    pub fn collect(self) -> Result<Change, CollectRefused> {
        match self.row.status {
            Status::Waiting | Status::Printing => Ok(self.ask()),
            Status::Printed => Ok(self.unchanged()),
            Status::Canceled => Err(CollectRefused::Canceled),
        }
    }

    /// Its points are about to be asked for. Only a ticket that may still be collected changes.
    #[must_use]
    pub fn ask(mut self) -> Change {
        match self.row.status {
            Status::Waiting | Status::Printing => {
                self.row.asks += 1;
                self.to(Status::Printing)
            }
            Status::Printed | Status::Canceled => self.unchanged(),
        }
    }

    /// A request for its points has ended.
    #[must_use]
    pub fn settle(mut self, outcome: AwardOutcome) -> Change {
        match (self.row.status, outcome) {
            (Status::Waiting | Status::Printing, AwardOutcome::Granted) => self.printed(),
            (Status::Printing, AwardOutcome::NotReached) => {
                self.row.asks -= 1;
                if self.row.asks == 0 { self.to(Status::Waiting) } else { self.unchanged() }
            }
            _ => self.unchanged(),
        }
    }

    /// Its customer wants out. Each request is answered anew, so that a lost answer holds up nobody: to the others a
    /// second one means nothing.
    #[must_use]
    pub fn cancel(self) -> Change {
        let (id, booking_id) = (self.id(), self.row.booking_id);
        let mut change = match self.row.status {
            Status::Waiting => self.to(Status::Canceled),
            Status::Printing | Status::Printed | Status::Canceled => self.unchanged(),
        };
        let status = change.ticket.status_text();
        change.event = Some(if change.ticket.row.status == Status::Canceled {
            TicketCanceled { id, booking_id, status }.into()
        } else {
            CancelRejected { id, booking_id, status }.into()
        });
        change
    }

    /// Its booking is canceled, and nobody asked here: the original Java book decides by itself. A ticket that waits is void
    /// from now on, and `TicketCanceled` has its money returned. After a cancel that was asked for, the ticket is void already
    /// and nothing is published, so that the end of a cancel never begins another one. A collected ticket stays collected.
    #[must_use]
    pub fn cancel_elsewhere(self) -> Change {
        match self.row.status {
            Status::Waiting => self.cancel(),
            Status::Printing | Status::Printed | Status::Canceled => self.unchanged(),
        }
    }

    fn printed(self) -> Change {
        let (id, booking_id) = (self.id(), self.row.booking_id);
        let mut change = self.to(Status::Printed);
        let status = change.ticket.status_text();
        let printed = Printed { id, booking_id, status };
        change.event = Some(printed.into());
        change
    }

    fn status_text(&self) -> Option<String> {
        Some(self.row.status.to_string())
    }

    fn to(mut self, status: Status) -> Change {
        self.row.status = status;
        self.unchanged()
    }

    fn unchanged(self) -> Change {
        Change { ticket: self, event: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(status: Status, asks: i64) -> Ticket {
        Ticket::restore(Row {
            booking_id: BookingId::new(1).unwrap(),
            movie_name: Some("soul".to_owned()),
            qty: Some(2),
            seat: Some("1A,2B".to_owned()),
            customer_id: None,
            screening: Screening::default(),
            status,
            asks,
        })
    }

    fn event_of(change: &Change) -> Option<&'static str> {
        change.event.as_ref().map(Event::event_type)
    }

    #[test]
    fn a_ticket_is_collected_once_its_points_are_granted() {
        let asked = ticket(Status::Waiting, 0).collect().unwrap();
        assert_eq!((asked.ticket.status(), event_of(&asked)), (Status::Printing, None));
        let granted = asked.ticket.settle(AwardOutcome::Granted);
        assert_eq!((granted.ticket.status(), event_of(&granted)), (Status::Printed, Some("Printed")));
        let again = granted.ticket.settle(AwardOutcome::Granted);
        assert_eq!((again.ticket.status(), event_of(&again)), (Status::Printed, None));
    }

    #[test]
    fn only_when_no_request_has_left_does_a_ticket_wait_again() {
        let one_of_one = ticket(Status::Printing, 1).settle(AwardOutcome::NotReached);
        assert_eq!(one_of_one.ticket.status(), Status::Waiting);
        let one_of_two = ticket(Status::Printing, 2).settle(AwardOutcome::NotReached);
        assert_eq!(one_of_two.ticket.status(), Status::Printing);
        let unknown = ticket(Status::Printing, 1).settle(AwardOutcome::Unknown);
        assert_eq!(unknown.ticket, ticket(Status::Printing, 1));
    }

    #[test]
    fn a_cancel_is_answered_every_time() {
        for (status, answer) in [
            (Status::Waiting, "TicketCanceled"),
            (Status::Canceled, "TicketCanceled"),
            (Status::Printing, "CancelRejected"),
            (Status::Printed, "CancelRejected"),
        ] {
            assert_eq!(event_of(&ticket(status, 1).cancel()), Some(answer), "{status}");
        }
    }

    #[test]
    fn cancel_from_elsewhere_voids_only_a_ticket_that_waits() {
        let canceled = ticket(Status::Waiting, 0).cancel_elsewhere();
        assert_eq!(
            (canceled.ticket.status(), event_of(&canceled)),
            (Status::Canceled, Some("TicketCanceled"))
        );
        for (status, asks) in [(Status::Canceled, 0), (Status::Printing, 1), (Status::Printed, 1)] {
            let change = ticket(status, asks).cancel_elsewhere();
            assert_eq!(change, ticket(status, asks).unchanged(), "{status}");
        }
    }

    #[test]
    fn a_void_ticket_is_not_collected() {
        let refused = ticket(Status::Canceled, 0).collect();
        assert_eq!(refused, Err(CollectRefused::Canceled));
    }

    proptest! {
        /// Customers and the reconciler ask at the same time, requests get lost, cancels come in between: as long as
        /// points may have been granted the ticket is not canceled, and it is told of as printed at most once.
        #[test]
        fn points_and_a_cancel_never_meet(words in proptest::collection::vec(0..8_u8, 0..40)) {
            let mut ticket = ticket(Status::Waiting, 0);
            let (mut under_way, mut may_be_granted) = (0, false);
            let mut told = Vec::new();
            for word in words {
                let change = match word {
                    0 => match ticket.clone().collect() {
                        Ok(change) => {
                            under_way += i32::from(change.ticket.status() == Status::Printing);
                            change
                        }
                        Err(CollectRefused::Canceled) => ticket.unchanged(),
                    },
                    1 if ticket.status() == Status::Printing => {
                        under_way += 1;
                        ticket.ask()
                    }
                    2..=4 if under_way > 0 => {
                        under_way -= 1;
                        may_be_granted |= word != 2;
                        let outcomes = [AwardOutcome::NotReached, AwardOutcome::Granted, AwardOutcome::Unknown];
                        ticket.settle(outcomes[usize::from(word - 2)])
                    }
                    5 if under_way > 0 => {
                        // A crash: nobody settles what came of it.
                        under_way -= 1;
                        may_be_granted = true;
                        ticket.unchanged()
                    }
                    6 => ticket.cancel(),
                    7 => ticket.cancel_elsewhere(),
                    _ => ticket.unchanged(),
                };
                told.extend(event_of(&change));
                ticket = change.ticket;
                let collected = matches!(ticket.status(), Status::Printing | Status::Printed);
                prop_assert!(collected || (under_way == 0 && !may_be_granted));
                prop_assert!(ticket.status() != Status::Printing || ticket.row.asks > 0);
            }
            let count = |name: &str| told.iter().filter(|event| **event == name).count();
            prop_assert!(count("Printed") <= 1);
            prop_assert!(count("Printed") == 0 || count("TicketCanceled") == 0);
        }
    }
}
