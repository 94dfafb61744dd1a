//! A booking as its customer sees it.
//!
//! Events of a booking come from several services and overtake each other, and some come twice. So what one of them
//! changes never depends on what came before: each field only ever rises. Whatever the order, and however often each of them is
//! told, the same events end in the same view.

use events::{Booked, BookingId, CustomerId, Event, HoldExpired, TicketId};
use jiff::Timestamp;

/// What payment says of money that it took and gave back, unlike of money that it never took.
const MONEY_WENT_BACK: &str = "Canceled";

/// The points of a collected ticket, for a writer that leaves them out.
const SCORE: i64 = 100;

events::statuses! {
    /// Where a booking stands, from the least to the most final: the higher one counts.
    pub enum Status {
        /// Paid; its ticket waits.
        Booked = "Booked",
        /// Ticket void, money back. Final.
        Canceled = "Canceled",
        /// The ticket was collected, which no cancel undoes. Final.
        Printed = "Printed",
    }
}

/// A booking as its customer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mypage {
    pub booking_id: BookingId,
    /// What was booked, or was to be. `None` until that is known.
    pub order: Option<Order>,
    /// It came to be a booking.
    pub booked: bool,
    /// It was given up before it was paid, or its payment was late.
    pub given_up: bool,
    /// Money was taken, and went back.
    pub refunded: bool,
    pub status: Status,
    /// 0 when points wait for the ticket to be collected, and what was granted then.
    pub score: Option<i64>,
    pub ticket_id: Option<TicketId>,
    /// The time of the latest event.
    pub updated_at: Timestamp,
}

/// What was booked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub customer_id: Option<CustomerId>,
    pub movie_name: Option<String>,
    pub seat: Option<String>,
    pub qty: Option<i64>,
    /// In the smallest unit of the currency.
    pub price: Option<i64>,
}

impl Mypage {
    /// A booking of which nothing is known yet; its first event happened at `at`.
    pub fn unknown(booking_id: BookingId, at: Timestamp) -> Self {
        Self {
            booking_id,
            order: None,
            booked: false,
            given_up: false,
            refunded: false,
            status: Status::Booked,
            score: None,
            ticket_id: None,
            updated_at: at,
        }
    }

    /// Whether its customer is shown it: a booking, or one that it never came to be though money went to and fro.
    pub fn is_shown(&self) -> bool {
        self.booked || (self.given_up && self.refunded)
    }

    /// What is known after `event`, which happened at `at`.
    #[must_use]
    pub fn after(mut self, event: &Event, at: Timestamp) -> Self {
        match event {
            // One of each comes from our own services. Of two, the order in which they came must not decide.
            Event::Booked(booked) => {
                self.booked = true;
                self.order = self.order.max(Some(Order::from(booked)));
            }
            Event::HoldExpired(expired) => {
                self.given_up = true;
                self.order = self.order.max(Some(Order::from(expired)));
                self.status = self.status.max(Status::Canceled);
            }
            Event::PaymentCanceled(payment) => {
                self.refunded |= payment.status.as_deref() == Some(MONEY_WENT_BACK);
            }
            Event::Created(created) => self.ticket_id = self.ticket_id.max(Some(created.id)),
            Event::WaitedPoint(point) => self.score = self.score.max(Some(point.score.unwrap_or(0))),
            Event::WrittenPoint(point) => self.score = self.score.max(Some(point.score.unwrap_or(SCORE))),
            Event::Canceled(_) => self.status = self.status.max(Status::Canceled),
            Event::Printed(_) => self.status = self.status.max(Status::Printed),
            _ => {}
        }
        self.updated_at = self.updated_at.max(at);
        self
    }
}

impl From<&Booked> for Order {
    fn from(booked: &Booked) -> Self {
        Self {
            customer_id: booked.customer_id,
            movie_name: booked.movie_name.clone(),
            seat: booked.seat.clone(),
            qty: booked.qty,
            price: booked.total_price,
        }
    }
}

impl From<&HoldExpired> for Order {
    fn from(expired: &HoldExpired) -> Self {
        Self {
            customer_id: expired.customer_id,
            movie_name: expired.movie_name.clone(),
            seat: expired.seat.clone(),
            qty: expired.qty,
            price: expired.total_price,
        }
    }
}

#[cfg(test)]
mod tests {
    use events::{
        Canceled, Created, Paid, PaymentCanceled, PaymentId, PointId, Printed, WaitedPoint, WrittenPoint,
    };
    use proptest::prelude::*;

    use super::*;

    fn id() -> BookingId {
        BookingId::new(1).unwrap()
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Every event a view reads of one booking, collected and canceled though no booking is both; and some of them once
    /// more, with another content.
    fn events() -> Vec<Event> {
        let (booking_id, ticket) = (id(), TicketId::from(id()));
        let (payment, point) = (PaymentId::new(7).unwrap(), PointId::new(8).unwrap());
        let (status, contents) = (None, None);
        let booked = Booked {
            id: booking_id,
            qty: Some(2),
            seat: Some("1A,2B".to_owned()),
            movie_name: Some("soul".to_owned()),
            status: None,
            total_price: Some(10_000),
            name: None,
            customer_id: None,
            screening_id: None,
        };
        let created = Created {
            id: ticket,
            booking_id,
            status: None,
            movie_name: None,
            qty: None,
            seat: None,
            customer_id: None,
        };
        let written = WrittenPoint {
            id: point,
            booking_id,
            customer_id: None,
            score: Some(100),
            contents: None,
            status: None,
        };
        vec![
            Paid { id: payment, booking_id, status: status.clone(), total_price: Some(10_000) }.into(),
            booked.clone().into(),
            created.clone().into(),
            WaitedPoint { id: point, booking_id, score: Some(0), contents, status: None }.into(),
            written.clone().into(),
            Printed { id: ticket, booking_id, status: None }.into(),
            PaymentCanceled { id: payment, booking_id, status: Some("Canceled".to_owned()) }.into(),
            Canceled { id: booking_id, status }.into(),
            Booked { movie_name: None, seat: Some("9Z".to_owned()), qty: None, ..booked }.into(),
            Created { id: TicketId::new(5).unwrap(), ..created }.into(),
            WrittenPoint { score: Some(70), ..written }.into(),
            HoldExpired {
                id: booking_id,
                status: None,
                qty: Some(2),
                seat: Some("1A,2B".to_owned()),
                movie_name: None,
                total_price: Some(9_000),
                customer_id: None,
            }
            .into(),
        ]
    }

    /// How many [`events`] there are.
    const EVENTS: usize = 12;

    fn view(order: &[usize]) -> Mypage {
        let events = events();
        let start = Mypage::unknown(id(), second(order[0] as i64));
        order.iter().fold(start, |mypage, &index| mypage.after(&events[index], second(index as i64)))
    }

    #[test]
    fn a_booking_without_booked_has_no_order() {
        assert_eq!(view(&[0]).order, None);
        assert_eq!(view(&[0, 1]).order.unwrap().price, Some(10_000));
    }

    #[test]
    fn what_never_came_to_be_a_booking_shows_only_if_money_went_to_and_fro() {
        let (paid, refunded, given_up) = (0, 6, 11);
        assert!(!view(&[given_up]).is_shown());
        assert!(!view(&[paid, given_up]).is_shown());
        let all = view(&[given_up, paid, refunded]);
        assert!(all.is_shown());
        assert_eq!((all.status, all.order.unwrap().price), (Status::Canceled, Some(9_000)));
        assert!(view(&[1]).is_shown());
    }

    #[test]
    fn points_begin_at_nothing_and_never_fall() {
        assert_eq!(view(&[1, 2]).score, None);
        assert_eq!(view(&[1, 3]).score, Some(0));
        assert_eq!(view(&[4, 3]).score, Some(100));
    }

    proptest! {
        /// Any subset of the events, in any order, some of them twice.
        #[test]
        fn the_same_events_end_in_the_same_view(
            (told, again) in Just((0..EVENTS).collect::<Vec<_>>())
                .prop_shuffle()
                .prop_flat_map(|all| (1..=EVENTS).prop_map(move |count| all[..count].to_vec()))
                .prop_flat_map(|told| {
                    let twice = [told.clone(), told.clone()].concat();
                    (Just(told), Just(twice).prop_shuffle())
                })
        ) {
            let mut in_order = told.clone();
            in_order.sort_unstable();
            prop_assert_eq!(view(&told), view(&in_order));
            prop_assert_eq!(view(&again), view(&in_order));
        }
    }
}
