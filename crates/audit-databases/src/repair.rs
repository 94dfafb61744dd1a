//! Repairs what is safe to repair.
//!
//! A repair publishes a lost event again, starts the refund of a payment without a booking, or rebuilds a row
//! of mypage. The first two append an event to the outbox of the service that owns it. Every consumer
//! tolerates such an event twice, so repairing twice is harmless. All other violations are left to a person.
//!
//! A charge that no service knows, or whose payment has ended, is canceled at the provider (`refunds`).

use audit::story::{PaymentRow, PointRow};
use audit::{Finding, Kind, Report, Story};
use events::{
    Booked, BookingId, CancelRequested, Canceled, Created, CustomerId, Event, Held, HoldExpired, Paid,
    PaymentCanceled, PaymentId, PointId, Printed, Screening, ScreeningId, TicketCanceled, TicketId,
    WaitedPoint, WrittenPoint,
};
use jiff::Timestamp;
use messaging::{Delivery, outbox};
use serde::Serialize;
use storage::{Db, Error, Tx, query, query_as};
use telemetry::trace_context::TraceContext;

use crate::databases::Databases;
use crate::stories::story;

mod refunds;

pub use refunds::{Returned, return_charges};

/// One repair of a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    pub booking_id: i64,
    pub kind: Kind,
    /// Describes the repair, or the reason against it, for a person.
    pub what: String,
}

/// A way to repair a violation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Remedy {
    /// Appends the event to the outbox of the service.
    Publish(&'static str, Box<Event>),
    /// Rebuilds the row of mypage from these events.
    Rebuild(Vec<(Event, Timestamp)>),
}

/// The result of a repair: what was repaired, and what could have been but was left alone, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub repaired: Vec<Repaired>,
    pub left_alone: Vec<Repaired>,
}

/// Why a repair stopped. Repairs before that are kept.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("a database failed")]
    Storage(#[from] Error),
    #[error("the payment provider did not cancel a charge")]
    Provider(#[from] refunds::RefundError),
}

/// Repairs the violations in `report` that are safe to repair. The provider cancels at most `max_refunds`
/// charges.
pub async fn repair(
    databases: &Databases,
    report: &Report,
    max_refunds: u32,
) -> Result<Outcome, RepairError> {
    let mut outcome =
        Outcome { repaired: repair_all(databases, &report.findings).await?, left_alone: Vec::new() };
    refunds::refund(databases, report, max_refunds, &mut outcome).await?;
    Ok(outcome)
}

/// Repairs `findings` by events and rows, and returns the repairs. Each booking is read again first.
async fn repair_all(databases: &Databases, findings: &[Finding]) -> Result<Vec<Repaired>, Error> {
    let mut done = Vec::new();
    for finding in findings {
        let story = story(databases, finding.story.booking_id).await?;
        if story != finding.story {
            continue; // The booking has changed, so the next audit checks it again.
        }
        let mut applied = Vec::new();
        for violation in &finding.violations {
            let Some(remedy) = remedy(&story, violation.kind) else {
                continue;
            };
            // One remedy may repair two violations.
            if applied.contains(&remedy) {
                continue;
            }
            let what = apply(databases, &story, &remedy).await?;
            done.push(Repaired { booking_id: story.booking_id, kind: violation.kind, what });
            applied.push(remedy);
        }
    }
    Ok(done)
}

async fn apply(databases: &Databases, story: &Story, remedy: &Remedy) -> Result<String, Error> {
    match remedy {
        Remedy::Publish(service, event) => {
            let mut tx = database_of(databases, service).begin().await?;
            outbox::append(&mut tx, service, (**event).clone()).await?;
            tx.commit().await?;
            Ok(format!("{service} publishes {} again", event.event_type()))
        }
        Remedy::Rebuild(events) => {
            let mut tx = databases.mypage.begin().await?;
            rebuild_row(&mut tx, story.booking_id, events).await?;
            tx.commit().await?;
            Ok(if events.is_empty() { "the row was deleted" } else { "the row was rebuilt" }.to_owned())
        }
    }
}

fn database_of<'d>(databases: &'d Databases, service: &str) -> &'d Db {
    match service {
        "book" => &databases.book,
        "payment" => &databases.payment,
        "ticket" => &databases.ticket,
        _ => &databases.point,
    }
}

/// The remedy for a violation of `kind` in `story`, or `None` if no remedy is safe.
fn remedy(story: &Story, kind: Kind) -> Option<Remedy> {
    let id = BookingId::new(story.booking_id).ok()?;
    match kind {
        Kind::PaymentOrphaned | Kind::CollectionUntold | Kind::RefundOfLive if story.unsent.is_empty() => {
            republication(story, id, kind)
        }
        Kind::PaymentUnsettled | Kind::TicketMissing | Kind::CancelUnfinished | Kind::TicketUnfounded
            if story.unsent.is_empty() =>
        {
            republication(story, id, kind)
        }
        Kind::MypageMissing | Kind::MypageExtra | Kind::MypageDiffers => {
            Some(Remedy::Rebuild(events_of(story, id)))
        }
        _ => None,
    }
}

/// The event to publish again. A story with unsent events has none, because one of them may repair it.
fn republication(story: &Story, id: BookingId, kind: Kind) -> Option<Remedy> {
    let ticket = story.ticket().map(|ticket| ticket.status.as_str());
    let is_collected = matches!(ticket, Some("Printing" | "Printed"));
    match kind {
        // Payment refunds its charge once, whatever the state of the booking.
        Kind::PaymentOrphaned if !is_collected => publish("book", hold_expired(story, id)),
        Kind::PaymentUnsettled => publish("payment", paid(id, story.payment()?)?),
        Kind::RefundOfLive if !is_collected && story.payment_is("Canceled") => {
            publish("payment", refunded(id, story.payment()?)?)
        }
        // Ticket issues one ticket.
        Kind::TicketMissing if story.tickets.is_empty() && story.payment_is("Paid") => {
            publish("book", booked(story, id)?)
        }
        // Book handles it like the lost one.
        Kind::CollectionUntold if ticket == Some("Printed") => publish("ticket", printed(id)),
        // The next step of the cancellation is done again.
        Kind::CancelUnfinished | Kind::TicketUnfounded
            if ["Canceling", "Canceled"].contains(&story.status()) =>
        {
            match ticket {
                Some("Printed") if kind == Kind::CancelUnfinished => publish("ticket", printed(id)),
                Some("Printed" | "Printing") => None,
                Some("Canceled") => publish("ticket", voided(id)),
                _ => publish("book", cancel_requested(story, id)),
            }
        }
        _ => None,
    }
}

fn publish(service: &'static str, event: Event) -> Option<Remedy> {
    Some(Remedy::Publish(service, Box::new(event)))
}

/// All events about the booking that mypage shows, as the services would publish them.
fn events_of(story: &Story, id: BookingId) -> Vec<(Event, Timestamp)> {
    let Some(booking) = story.booking.as_ref() else {
        return Vec::new();
    };
    let mut events = Vec::new();
    let mut add = |event: Option<Event>, at: Option<i64>| {
        let at = at.and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or_default();
        events.extend(event.map(|event| (event, at)));
    };
    add(held(story, id), booking.created_at);
    if booking.status == "PaymentPending" {
        return events;
    }
    if let Some(payment) = story.payment() {
        add(paid(id, payment), payment.created_at);
        if payment.status == "Canceled" {
            add(refunded(id, payment), payment.updated_at);
        }
    }
    if was_confirmed(story) {
        add(booked(story, id), booking.created_at);
        if booking.status == "Canceled" {
            add(Some(Canceled { id, status: Some(booking.status.clone()) }.into()), booking.updated_at);
        }
    } else {
        add(Some(hold_expired(story, id)), booking.updated_at);
    }
    if let Some(ticket) = story.ticket() {
        add(Some(created(story, id)), ticket.created_at);
        if ticket.status == "Printed" {
            add(Some(printed(id)), ticket.updated_at);
        }
    }
    for row in &story.points {
        add(point(id, row), row.created_at);
    }
    events
}

/// Whether the booking is or has been confirmed.
fn was_confirmed(story: &Story) -> bool {
    story.is_confirmed()
        || story.status() == "Canceling"
        || (story.status() == "Canceled" && story.ticket().is_some())
}

fn point(booking_id: BookingId, row: &PointRow) -> Option<Event> {
    let id = PointId::new(row.id).ok()?;
    let (score, contents, status) = (Some(row.score), row.contents.clone(), Some(row.status.clone()));
    let customer_id = row.customer_id.and_then(|id| CustomerId::new(id).ok());
    Some(match row.score {
        0 => WaitedPoint { id, booking_id, score, contents, status }.into(),
        _ => WrittenPoint { id, booking_id, customer_id, score, contents, status }.into(),
    })
}

fn booked(story: &Story, id: BookingId) -> Option<Event> {
    let row = story.booking.as_ref()?;
    let booked = Booked {
        id,
        qty: Some(row.qty),
        seat: row.seat.clone(),
        movie_name: row.movie_name.clone(),
        status: Some("Registered".to_owned()),
        total_price: row.total_price,
        name: Some(row.name.clone()),
        customer_id: row.customer_id.and_then(|id| CustomerId::new(id).ok()),
        screening: screening(story),
    };
    Some(booked.into())
}

fn hold_expired(story: &Story, id: BookingId) -> Event {
    let row = story.booking.as_ref();
    HoldExpired {
        id,
        status: row.map(|row| row.status.clone()),
        qty: row.map(|row| row.qty),
        seat: row.and_then(|row| row.seat.clone()),
        movie_name: row.and_then(|row| row.movie_name.clone()),
        total_price: row.and_then(|row| row.total_price),
        customer_id: row.and_then(|row| CustomerId::new(row.customer_id?).ok()),
        screening: screening(story),
    }
    .into()
}

fn held(story: &Story, id: BookingId) -> Option<Event> {
    let row = story.booking.as_ref().filter(|row| row.held_published == Some(1))?;
    let held = Held {
        id,
        customer_id: row.customer_id.and_then(|id| CustomerId::new(id).ok()),
        movie_name: row.movie_name.clone(),
        seat: row.seat.clone(),
        qty: Some(row.qty),
        total_price: row.total_price,
        held_until: row.held_until.and_then(|until| Timestamp::from_microsecond(until).ok()),
        screening: screening(story),
    };
    Some(held.into())
}

/// The screening of the booking, as book publishes it.
fn screening(story: &Story) -> Screening {
    let Some(row) = &story.booking else {
        return Screening::default();
    };
    let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_microsecond(at).ok());
    Screening {
        screening_id: row.screening_id.and_then(|id| ScreeningId::new(id).ok()),
        theatre: row.theatre.clone(),
        hall: row.theatre.clone(),
        starts_at: time(row.starts_at),
        ends_at: time(row.ends_at),
    }
}

fn paid(booking_id: BookingId, payment: &PaymentRow) -> Option<Event> {
    let id = PaymentId::new(payment.id).ok()?;
    let status = Some("Paid".to_owned());
    Some(Paid { id, booking_id, status, total_price: Some(payment.total_price) }.into())
}

fn refunded(booking_id: BookingId, payment: &PaymentRow) -> Option<Event> {
    let id = PaymentId::new(payment.id).ok()?;
    Some(PaymentCanceled { id, booking_id, status: Some(payment.status.clone()) }.into())
}

fn created(story: &Story, booking_id: BookingId) -> Event {
    let booking = story.booking.as_ref();
    Created {
        id: TicketId::from(booking_id),
        booking_id,
        status: Some("Waiting".to_owned()),
        movie_name: booking.and_then(|row| row.movie_name.clone()),
        qty: booking.map(|row| row.qty),
        seat: booking.and_then(|row| row.seat.clone()),
        customer_id: booking.and_then(|row| CustomerId::new(row.customer_id?).ok()),
        screening: screening(story),
    }
    .into()
}

fn printed(booking_id: BookingId) -> Event {
    let status = Some("Printed".to_owned());
    Printed { id: TicketId::from(booking_id), booking_id, status }.into()
}

fn voided(booking_id: BookingId) -> Event {
    let status = Some("Canceled".to_owned());
    TicketCanceled { id: TicketId::from(booking_id), booking_id, status }.into()
}

fn cancel_requested(story: &Story, id: BookingId) -> Event {
    CancelRequested { id, status: Some(story.status().to_owned()) }.into()
}

/// Rebuilds the row of one booking by mypage's own rules. Events that are already in its timeline keep their
/// times.
async fn rebuild_row(tx: &mut Tx, booking_id: i64, events: &[(Event, Timestamp)]) -> Result<(), Error> {
    let timeline = query_as::<(String, i64)>("SELECT event, happened_at FROM timeline WHERE booking_id = $1")
        .bind(booking_id);
    let timeline = tx.fetch_all(timeline).await?;
    tx.execute(query("DELETE FROM mypages WHERE booking_id = $1").bind(booking_id)).await?;
    tx.execute(query("DELETE FROM timeline WHERE booking_id = $1").bind(booking_id)).await?;
    let deliveries: Vec<Delivery> = events
        .iter()
        .map(|(event, at)| {
            let known = timeline.iter().find(|(known, _)| known == event.event_type());
            let known = known.and_then(|(_, at)| Timestamp::from_microsecond(*at).ok());
            Delivery {
                id: String::new(),
                event: event.clone(),
                at: known.unwrap_or(*at),
                trace: TraceContext::root(),
            }
        })
        .collect();
    mypage::app::apply_events(tx, &deliveries).await
}
