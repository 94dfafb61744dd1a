//! A ticket and its transitions.
//!
//! ```text
//! Waiting ─▶ Printing ─▶ Printed
//!    │  ◀────────┘ no request for its points was sent
//!    └─▶ Canceled
//! ```
//!
//! Another service grants the points, and a request for them or its response may get lost. So a ticket counts
//! its requests before they are sent, and lowers the count only for a request that was certainly never sent.
//! While the count is above zero, the points may have been granted, and the ticket counts as collected.
//! Therefore a collected ticket is never refunded, and a canceled one never gets points.
//!
//! Several processes may request the points of one ticket at once; each counts its own request. The first
//! `Granted` prints the ticket and publishes `Printed`; further outcomes change nothing.

use events::{
    Booked, BookingId, CancelRejected, Created, CustomerId, Event, Printed, Screening, TicketCanceled,
    TicketId, UnknownStatus,
};
use strum::{Display, EnumString};

/// The state of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumString)]
#[strum(parse_err_ty = UnknownStatus, parse_err_fn = UnknownStatus::from)]
pub enum Status {
    /// It can be collected, or canceled.
    Waiting,
    /// Its points were requested; for a cancellation it counts as collected.
    Printing,
    /// Its points are granted, and it is handed out. Final.
    Printed,
    /// Void. Final.
    Canceled,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    row: Row,
}

/// All fields of a ticket, for the store and for responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Also the ticket's id.
    pub booking_id: BookingId,
    pub movie_name: Option<String>,
    pub qty: Option<i64>,
    pub seat: Option<String>,
    pub customer_id: Option<CustomerId>,
    /// Empty if the booking has no screening, and for tickets from before this field existed.
    pub screening: Screening,
    pub status: Status,
    /// The number of requests for its points that may have reached the point service; the column `asks`.
    pub point_requests: i64,
}

/// A ticket after a transition, and the event to publish, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub ticket: Ticket,
    pub event: Option<Event>,
}

/// The outcome of one request for a ticket's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwardOutcome {
    /// The points are granted, by this request or by an earlier one.
    Granted,
    /// The request never reached the point service.
    NotReached,
    /// The points may or may not have been granted.
    Unknown,
}

/// The reason why a ticket cannot be collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectRefused {
    #[error("the ticket is void: its booking was canceled")]
    Canceled,
}

impl Ticket {
    /// The ticket of a paid booking, and the event to publish.
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
            point_requests: 0,
        };
        (Self { row }, created)
    }

    /// The ticket with the fields that the store has read.
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

    /// Begins a collection, or joins one. A printed ticket stays as it is.
    ///
    /// # Errors
    ///
    /// When it is void.
    pub fn collect(self) -> Result<Change, CollectRefused> {
        match self.row.status {
            Status::Waiting | Status::Printing => Ok(self.request_points()),
            Status::Printed => Ok(self.unchanged()),
            Status::Canceled => Err(CollectRefused::Canceled),
        }
    }

    /// Counts a request for its points, which is sent next. Only a ticket that can still be collected
    /// changes.
    #[must_use]
    pub fn request_points(mut self) -> Change {
        match self.row.status {
            Status::Waiting | Status::Printing => {
                self.row.point_requests += 1;
                self.to(Status::Printing)
            }
            Status::Printed | Status::Canceled => self.unchanged(),
        }
    }

    /// Applies the outcome of one request for its points.
    #[must_use]
    pub fn settle(mut self, outcome: AwardOutcome) -> Change {
        match (self.row.status, outcome) {
            (Status::Waiting | Status::Printing, AwardOutcome::Granted) => self.printed(),
            (Status::Printing, AwardOutcome::NotReached) => {
                self.row.point_requests -= 1;
                if self.row.point_requests == 0 { self.to(Status::Waiting) } else { self.unchanged() }
            }
            _ => self.unchanged(),
        }
    }

    /// Decides its customer's request to cancel. Each request publishes the decision again, so that a lost
    /// event delays nobody; the other services ignore a repeated one.
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

    /// Follows a cancellation that was decided elsewhere: the original Java book cancels without a request to
    /// ticket. A `Waiting` ticket becomes void, and `TicketCanceled` has payment refund it. After a requested
    /// cancel the ticket is already void and nothing is published, so that the end of a cancellation never
    /// begins another one. A collected ticket stays collected.
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

    fn ticket(status: Status, point_requests: i64) -> Ticket {
        Ticket::restore(Row {
            booking_id: BookingId::new(1).unwrap(),
            movie_name: Some("soul".to_owned()),
            qty: Some(2),
            seat: Some("1A,2B".to_owned()),
            customer_id: None,
            screening: Screening::default(),
            status,
            point_requests,
        })
    }

    fn event_of(change: &Change) -> Option<&'static str> {
        change.event.as_ref().map(Event::event_type)
    }

    #[test]
    fn granted_points_print_the_ticket_and_publish_printed_once() {
        let begun = ticket(Status::Waiting, 0).collect().unwrap();
        assert_eq!((begun.ticket.status(), event_of(&begun)), (Status::Printing, None));
        let granted = begun.ticket.settle(AwardOutcome::Granted);
        assert_eq!((granted.ticket.status(), event_of(&granted)), (Status::Printed, Some("Printed")));
        let again = granted.ticket.settle(AwardOutcome::Granted);
        assert_eq!((again.ticket.status(), event_of(&again)), (Status::Printed, None));
    }

    #[test]
    fn ticket_waits_again_only_if_no_request_was_sent() {
        let one_of_one = ticket(Status::Printing, 1).settle(AwardOutcome::NotReached);
        assert_eq!(one_of_one.ticket.status(), Status::Waiting);
        let one_of_two = ticket(Status::Printing, 2).settle(AwardOutcome::NotReached);
        assert_eq!(one_of_two.ticket.status(), Status::Printing);
        let unknown = ticket(Status::Printing, 1).settle(AwardOutcome::Unknown);
        assert_eq!(unknown.ticket, ticket(Status::Printing, 1));
    }

    #[test]
    fn each_request_to_cancel_publishes_the_decision() {
        for (status, event) in [
            (Status::Waiting, "TicketCanceled"),
            (Status::Canceled, "TicketCanceled"),
            (Status::Printing, "CancelRejected"),
            (Status::Printed, "CancelRejected"),
        ] {
            assert_eq!(event_of(&ticket(status, 1).cancel()), Some(event), "{status}");
        }
    }

    #[test]
    fn cancel_from_elsewhere_voids_only_a_waiting_ticket() {
        let canceled = ticket(Status::Waiting, 0).cancel_elsewhere();
        assert_eq!(
            (canceled.ticket.status(), event_of(&canceled)),
            (Status::Canceled, Some("TicketCanceled"))
        );
        for (status, requests) in [(Status::Canceled, 0), (Status::Printing, 1), (Status::Printed, 1)] {
            let change = ticket(status, requests).cancel_elsewhere();
            assert_eq!(change, ticket(status, requests).unchanged(), "{status}");
        }
    }

    #[test]
    fn void_ticket_is_not_collected() {
        let refused = ticket(Status::Canceled, 0).collect();
        assert_eq!(refused, Err(CollectRefused::Canceled));
    }

    proptest! {
        /// Customers and reconcilers request points at the same time, requests get lost, and cancellations
        /// arrive in between. As long as the points may have been granted, the ticket is not canceled, and
        /// `Printed` is published at most once.
        #[test]
        fn ticket_with_points_is_never_canceled(steps in proptest::collection::vec(0..8_u8, 0..40)) {
            let mut ticket = ticket(Status::Waiting, 0);
            let (mut under_way, mut may_be_granted) = (0, false);
            let mut published = Vec::new();
            for step in steps {
                let change = match step {
                    0 => match ticket.clone().collect() {
                        Ok(change) => {
                            under_way += i32::from(change.ticket.status() == Status::Printing);
                            change
                        }
                        Err(CollectRefused::Canceled) => ticket.unchanged(),
                    },
                    1 if ticket.status() == Status::Printing => {
                        under_way += 1;
                        ticket.request_points()
                    }
                    2..=4 if under_way > 0 => {
                        under_way -= 1;
                        may_be_granted |= step != 2;
                        let outcomes = [AwardOutcome::NotReached, AwardOutcome::Granted, AwardOutcome::Unknown];
                        ticket.settle(outcomes[usize::from(step - 2)])
                    }
                    5 if under_way > 0 => {
                        // A crash: the outcome is never applied.
                        under_way -= 1;
                        may_be_granted = true;
                        ticket.unchanged()
                    }
                    6 => ticket.cancel(),
                    7 => ticket.cancel_elsewhere(),
                    _ => ticket.unchanged(),
                };
                published.extend(event_of(&change));
                ticket = change.ticket;
                let collected = matches!(ticket.status(), Status::Printing | Status::Printed);
                prop_assert!(collected || (under_way == 0 && !may_be_granted));
                prop_assert!(ticket.status() != Status::Printing || ticket.row.point_requests > 0);
            }
            let count = |name: &str| published.iter().filter(|event| **event == name).count();
            prop_assert!(count("Printed") <= 1);
            prop_assert!(count("Printed") == 0 || count("TicketCanceled") == 0);
        }
    }
}
