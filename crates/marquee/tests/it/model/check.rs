//! What must be true of the world: at every moment, and once nothing is under way any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use audit::story::{ClaimRow, MypageRow, PaymentRow, PointRow, Story, TicketRow};
use audit::{Clock, violations_of};
use book::domain::Status as BookingStatus;
use events::{BookingId, CustomerId, TicketId};
use payment::domain::Status as PaymentStatus;
use point::domain::Status as PointStatus;
use ticket::domain::Status as TicketStatus;

use super::world::{Fate, Service, World};

/// Rounds of everything that is to do, when nothing goes wrong any more, until nothing is left to do.
const ROUNDS_MAX: usize = 60;
const ROUND: Duration = Duration::from_secs(10);

/// No seat has two bookings that live, and the claims are exactly theirs.
pub fn no_seat_is_sold_twice(world: &World) {
    let mut owners = BTreeMap::<String, BookingId>::new();
    for (id, booking) in world.bookings.iter().filter(|(_, booking)| booking.is_live()) {
        for seat in booking.row().seat.iter().flat_map(|seats| seats.split(',')) {
            let other = owners.insert(seat.to_owned(), *id);
            assert_eq!(other, None, "{seat} is sold twice");
        }
    }
    assert_eq!(owners, world.claims);
}

/// Nothing is ever collected that is not paid, and no money goes back for what was.
pub fn what_is_collected_is_paid(world: &World) {
    for (id, (ticket, _)) in &world.tickets {
        if matches!(ticket.status(), TicketStatus::Printing | TicketStatus::Printed) {
            assert_eq!(world.payments[id].status(), PaymentStatus::Paid, "the payment of {id}");
        }
    }
}

/// At most one charge stands for a booking, and none that was canceled.
pub fn money_moves_once(world: &World) {
    for (id, account) in &world.provider {
        assert!(account.charges <= 1 && account.refunds <= account.charges, "{id}: {account:?}");
        assert!(!(account.is_canceled && account.stands()), "{id}: {account:?}");
    }
}

/// A charge stands exactly where a booking lives that is paid, and is what it costs.
pub fn money_is_kept_for_what_lives(world: &World) {
    let known = world.provider.keys().chain(world.payments.keys()).chain(world.bookings.keys());
    for id in known.copied().collect::<BTreeSet<_>>() {
        let account = world.provider.get(&id).copied().unwrap_or_default();
        let paid = world.payments.get(&id).filter(|payment| payment.status() == PaymentStatus::Paid);
        let live = world.bookings.get(&id).filter(|booking| booking.is_live());
        assert_eq!((account.stands(), paid.is_some()), (live.is_some(), live.is_some()), "{id}: {account:?}");
        if let Some(booking) = live {
            assert_eq!(account.amount, booking.amount_due().get(), "{id}");
        }
    }
}

/// A ticket is made for what was booked, and for nothing else.
pub fn tickets_are_for_what_was_booked(world: &World) {
    for id in world.tickets.iter().filter(|(_, (_, is_issued))| *is_issued).map(|(id, _)| id) {
        let status = world.bookings[id].status();
        let never_was = [BookingStatus::PaymentPending, BookingStatus::Declined, BookingStatus::Expired];
        assert!(!never_was.contains(&status), "there is a ticket for {id}, which is {status}");
    }
}

/// A printed ticket has its points, and points are for a ticket that is being collected at least.
pub fn points_are_for_collected_tickets(world: &World) {
    let status = |id: &BookingId| world.tickets.get(id).map(|(ticket, _)| ticket.status());
    let granted: BTreeSet<BookingId> = world
        .ledger
        .iter()
        .filter(|entry| entry.posting().status == PointStatus::Pointed)
        .map(|entry| entry.posting().booking_id)
        .collect();
    for id in &granted {
        let is_collected = [Some(TicketStatus::Printing), Some(TicketStatus::Printed)].contains(&status(id));
        assert!(is_collected, "there are points for {id}, whose ticket is {:?}", status(id));
    }
    let printed = world.tickets.iter().filter(|(_, (ticket, _))| ticket.status() == TicketStatus::Printed);
    for (id, _) in printed {
        assert!(granted.contains(id), "there are no points for {id}, which is printed");
    }
}

/// Nothing goes wrong any more, and everything comes to its end.
pub fn settle(world: &mut World) {
    for _ in 0..ROUNDS_MAX {
        world.now += ROUND;
        for id in world.bookings.keys().copied().collect::<Vec<_>>() {
            world.look(id);
            world.expire(id);
        }
        for id in world.payments.keys().copied().collect::<Vec<_>>() {
            world.refund(id);
        }
        for id in world.tickets.keys().copied().collect::<Vec<_>>() {
            world.collect(id, true);
        }
        while !world.is_quiet() {
            step(world);
        }
        if is_settled(world) {
            return;
        }
    }
    panic!("it does not settle: {world:#?}");
}

/// Everything that can be done now, once.
fn step(world: &mut World) {
    while !world.under_way.is_empty() {
        // Who waits for an answer does so as long as somebody may give one.
        let next = world.under_way.iter().position(|work| !work.waits_for_an_answer());
        world.advance(next.unwrap_or_default(), Fate::Arrives, false);
    }
    for service in world.unsent() {
        world.relay(service, true);
    }
    for key in world.log.keys().copied().collect::<Vec<_>>() {
        for service in Service::ALL {
            world.consume(service, key, true);
        }
    }
}

fn is_settled(world: &World) -> bool {
    let is_open = |status| matches!(status, BookingStatus::PaymentPending | BookingStatus::Canceling);
    let no_booking_is_open = !world.bookings.values().any(|booking| is_open(booking.status()));
    let is_printing =
        |(ticket, _): &(ticket::domain::Ticket, bool)| ticket.status() == TicketStatus::Printing;
    let is_canceling = |payment: &payment::domain::Payment| payment.status() == PaymentStatus::Canceling;
    no_booking_is_open
        && !world.payments.values().any(is_canceling)
        && !world.tickets.values().any(is_printing)
}

/// The auditor, which shares no rule with the services, finds nothing wrong with any booking.
pub fn every_story_is_right(world: &World) {
    let clock = Clock { now: world.now + Duration::from_secs(3600), settle: Duration::from_secs(60) };
    let known = world.payments.keys().chain(world.tickets.keys()).chain(world.mypages.keys());
    let all: BTreeSet<BookingId> = world.bookings.keys().chain(known).copied().collect();
    for id in all {
        let story = story(world, id);
        assert_eq!(violations_of(&story, clock), [], "{story:#?}\n{:#?}", world.log.get(&id));
    }
}

fn story(world: &World, id: BookingId) -> Story {
    let booking_id = id.get();
    let at = Some(world.now.as_microsecond());
    let mut story = Story::of(booking_id);
    story.booking = world.bookings.get(&id).map(|booking| {
        let row = booking.row();
        audit::story::BookingRow {
            booking_id,
            movie_name: row.movie_name.clone(),
            seat: row.seat.clone(),
            qty: row.qty,
            total_price: row.total_price,
            name: row.name.clone(),
            customer_id: row.customer_id.map(CustomerId::get),
            screening_id: None,
            theatre: None,
            starts_at: None,
            ends_at: None,
            status: row.status.to_string(),
            held_published: Some(i64::from(row.hold.is_published)),
            held_until: Some(row.hold.until.as_microsecond()),
            paying_until: None,
            created_at: at,
            updated_at: at,
        }
    });
    story.payments.extend(world.payments.get(&id).map(|payment| PaymentRow {
        // The model checks the provider's charges itself.
        reference: None,
        booking_id,
        id: payment.row().id.get(),
        total_price: payment.row().total_price.get(),
        status: payment.status().to_string(),
        created_at: at,
        updated_at: at,
    }));
    story.tickets.extend(world.tickets.get(&id).map(|(ticket, is_issued)| TicketRow {
        booking_id,
        screening_id: None,
        theatre: None,
        starts_at: None,
        ends_at: None,
        status: ticket.status().to_string(),
        issued: i64::from(*is_issued),
        created_at: at,
        updated_at: at,
    }));
    let own = world.ledger.iter().filter(|entry| entry.posting().booking_id == id);
    story.points.extend(own.map(|entry| PointRow {
        booking_id,
        id: entry.id().get(),
        customer_id: entry.posting().customer_id.map(CustomerId::get),
        score: entry.posting().score,
        contents: entry.posting().contents.clone(),
        status: entry.posting().status.to_string(),
        created_at: at,
    }));
    story.mypage = world.mypages.get(&id).map(|shown| {
        let order = shown.order.clone().unwrap_or_default();
        MypageRow {
            booking_id,
            shown: i64::from(shown.is_shown()),
            customer_id: order.customer_id.map(CustomerId::get),
            movie_name: order.movie_name,
            seat: order.seat,
            qty: order.qty,
            price: order.price,
            screening_id: None,
            theatre: None,
            starts_at: None,
            ends_at: None,
            status: shown.status().to_string(),
            score: shown.score,
            ticket_id: shown.ticket_id.map(TicketId::get),
            updated_at: at,
        }
    });
    let claims = world.claims.iter().filter(|(_, owner)| **owner == id);
    let claim = |(seat, _): (&String, &BookingId)| ClaimRow {
        booking_id,
        place: "movie:soul".to_owned(),
        seat: seat.clone(),
    };
    story.claims = Some(claims.map(claim).collect());
    story
}
