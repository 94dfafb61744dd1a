//! What must be true of the world after every step, and after everything has come to its end.

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

/// Maximum number of rounds without faults until nothing is left to do.
const ROUNDS_MAX: usize = 60;
const ROUND: Duration = Duration::from_secs(10);

/// Each seat has at most one live booking, and the claims are exactly those of the live bookings.
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

/// The payment of a ticket that is or is being collected stays `Paid`.
pub fn collected_tickets_are_paid(world: &World) {
    for (id, (ticket, _)) in &world.tickets {
        if matches!(ticket.status(), TicketStatus::Printing | TicketStatus::Printed) {
            assert_eq!(world.payments[id].status(), PaymentStatus::Paid, "the payment of {id}");
        }
    }
}

/// A booking is charged once at most, and refunded if its reference was canceled.
pub fn each_booking_is_charged_once(world: &World) {
    for (id, account) in &world.provider {
        assert!(account.charges <= 1 && account.refunds <= account.charges, "{id}: {account:?}");
        assert!(!(account.is_canceled && account.is_charged()), "{id}: {account:?}");
    }
}

/// Exactly the live bookings are charged, and paid with the amount due.
pub fn only_live_bookings_are_charged(world: &World) {
    let known = world.provider.keys().chain(world.payments.keys()).chain(world.bookings.keys());
    for id in known.copied().collect::<BTreeSet<_>>() {
        let account = world.provider.get(&id).copied().unwrap_or_default();
        let paid = world.payments.get(&id).filter(|payment| payment.status() == PaymentStatus::Paid);
        let live = world.bookings.get(&id).filter(|booking| booking.is_live());
        assert_eq!(
            (account.is_charged(), paid.is_some()),
            (live.is_some(), live.is_some()),
            "{id}: {account:?}"
        );
        if let Some(booking) = live {
            assert_eq!(account.amount, booking.amount_due().get(), "{id}");
        }
    }
}

/// A ticket is issued only for a booking that was paid.
pub fn tickets_have_a_booking(world: &World) {
    for id in world.tickets.iter().filter(|(_, (_, is_issued))| *is_issued).map(|(id, _)| id) {
        let status = world.bookings[id].status();
        let unpaid = [BookingStatus::PaymentPending, BookingStatus::Declined, BookingStatus::Expired];
        assert!(!unpaid.contains(&status), "{id} has a ticket, but is {status}");
    }
}

/// A printed ticket has its points, and points are granted only for a ticket that is or is being collected.
pub fn points_belong_to_collected_tickets(world: &World) {
    let status = |id: &BookingId| world.tickets.get(id).map(|(ticket, _)| ticket.status());
    let granted: BTreeSet<BookingId> = world
        .ledger
        .iter()
        .filter(|entry| entry.posting().status == PointStatus::Pointed)
        .map(|entry| entry.posting().booking_id)
        .collect();
    for id in &granted {
        let is_collected = [Some(TicketStatus::Printing), Some(TicketStatus::Printed)].contains(&status(id));
        assert!(is_collected, "{id} has points, but its ticket is {:?}", status(id));
    }
    let printed = world.tickets.iter().filter(|(_, (ticket, _))| ticket.status() == TicketStatus::Printed);
    for (id, _) in printed {
        assert!(granted.contains(id), "{id} has no points, but is printed");
    }
}

/// Runs everything without faults until it has come to its end.
pub fn settle(world: &mut World) {
    for _ in 0..ROUNDS_MAX {
        world.now += ROUND;
        for id in world.bookings.keys().copied().collect::<Vec<_>>() {
            world.begin_inquiry(id);
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
    panic!("the world does not settle: {world:#?}");
}

/// Takes every possible step once.
fn step(world: &mut World) {
    while !world.pending.is_empty() {
        // An operation waits for its answer while other operations may give it.
        let next = world.pending.iter().position(|pending| !pending.is_unanswered());
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

/// The audit, which shares no rule with the services, finds no violation.
pub fn every_booking_passes_the_audit(world: &World) {
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
        // The checks above cover the provider's charges.
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
