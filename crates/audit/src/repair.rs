//! What is safe to mend, and the mending of it.
//!
//! Three things are: to tell again what an event was lost of, to have money returned that is kept for nothing, and to make
//! one customer's row anew. The first two are events in the outbox of the service whose word it is. Whoever reads such an
//! event has a rule of its own for hearing it twice, so to repair twice does no harm. Nothing else is touched: what this
//! cannot mend, a person has to.
//!
//! A charge that no service knows of, or whose payment has ended, is canceled at the provider itself (`refunds`).

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

use crate::databases::{Databases, story};
use crate::kind::Kind;
use crate::report::{Finding, Report};
use crate::story::{PaymentRow, PointRow, Story};

mod refunds;

pub use refunds::{Returned, return_charges};

/// One thing that was mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    pub booking_id: i64,
    pub kind: Kind,
    /// For a person.
    pub what: String,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mend {
    /// The event goes into the outbox of the service.
    Tell(&'static str, Box<Event>),
    /// The customer's row is made anew from these.
    Show(Vec<(Event, Timestamp)>),
}

/// What a repair did, and what it left alone although it could have mended it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub repaired: Vec<Repaired>,
    pub left_alone: Vec<Repaired>,
}

/// Why a repair broke off. What was mended before stays mended.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error("a database failed")]
    Storage(#[from] Error),
    #[error("the payment provider does not cancel")]
    Provider(#[from] refunds::RefundError),
}

/// Mends of `report` what is safe to. The provider is asked to cancel `max_refunds` charges at most.
///
/// # Errors
///
/// When a database or the provider fails.
pub async fn repair(
    databases: &Databases,
    report: &Report,
    max_refunds: u32,
) -> Result<Outcome, RepairError> {
    let mut outcome =
        Outcome { repaired: mend_all(databases, &report.findings).await?, left_alone: Vec::new() };
    refunds::refund(databases, report, max_refunds, &mut outcome).await?;
    Ok(outcome)
}

/// Mends of `findings` what is safe to, and tells what it did. Each booking is read once more before it is touched.
///
/// # Errors
///
/// When a database fails; what was told to be mended before is.
async fn mend_all(databases: &Databases, findings: &[Finding]) -> Result<Vec<Repaired>, Error> {
    let mut done = Vec::new();
    for finding in findings {
        let story = story(databases, finding.story.booking_id).await?;
        if story != finding.story {
            continue; // Something happened to it: the next audit tells what came of it.
        }
        let mut told = Vec::new();
        for violation in &finding.violations {
            let Some(mend) = mend(&story, violation.kind) else {
                continue;
            };
            // Two things that are wrong may be mended by one word.
            if told.contains(&mend) {
                continue;
            }
            let what = apply(databases, &story, &mend).await?;
            done.push(Repaired { booking_id: story.booking_id, kind: violation.kind, what });
            told.push(mend);
        }
    }
    Ok(done)
}

async fn apply(databases: &Databases, story: &Story, mend: &Mend) -> Result<String, Error> {
    match mend {
        Mend::Tell(service, event) => {
            let mut tx = writer(databases, service).begin().await?;
            outbox::append(&mut tx, service, (**event).clone()).await?;
            tx.commit().await?;
            Ok(format!("{service} tells {} again", event.event_type()))
        }
        Mend::Show(events) => {
            let mut tx = databases.mypage.begin().await?;
            show(&mut tx, story.booking_id, events).await?;
            tx.commit().await?;
            Ok(if events.is_empty() { "the row is gone" } else { "the row is made anew" }.to_owned())
        }
    }
}

fn writer<'d>(databases: &'d Databases, service: &str) -> &'d Db {
    match service {
        "book" => &databases.book,
        "payment" => &databases.payment,
        "ticket" => &databases.ticket,
        _ => &databases.point,
    }
}

/// What mends `kind` in `story`; `None` when nothing safe does.
fn mend(story: &Story, kind: Kind) -> Option<Mend> {
    let id = BookingId::new(story.booking_id).ok()?;
    match kind {
        Kind::PaymentOrphaned | Kind::CollectionUntold | Kind::RefundOfLive if story.unsent.is_empty() => {
            told_again(story, id, kind)
        }
        Kind::PaymentUnsettled | Kind::TicketMissing | Kind::CancelUnfinished | Kind::TicketUnfounded
            if story.unsent.is_empty() =>
        {
            told_again(story, id, kind)
        }
        Kind::MypageMissing | Kind::MypageExtra | Kind::MypageDiffers => Some(Mend::Show(truth(story, id))),
        _ => None,
    }
}

/// What waits in an outbox may mend it: so this is only for bookings of which nothing does.
fn told_again(story: &Story, id: BookingId, kind: Kind) -> Option<Mend> {
    let ticket = story.ticket().map(|ticket| ticket.status.as_str());
    let is_collected = matches!(ticket, Some("Printing" | "Printed"));
    match kind {
        // Payment gives back what it took, once, whatever became of the booking.
        Kind::PaymentOrphaned if !is_collected => tell("book", hold_expired(story, id)),
        Kind::PaymentUnsettled => tell("payment", paid(id, story.payment()?)?),
        Kind::RefundOfLive if !is_collected && story.payment_is("Canceled") => {
            tell("payment", refunded(id, story.payment()?)?)
        }
        // Ticket makes it once.
        Kind::TicketMissing if story.tickets.is_empty() && story.payment_is("Paid") => {
            tell("book", booked(story, id)?)
        }
        // Book takes it as it would have taken the first one.
        Kind::CollectionUntold if ticket == Some("Printed") => tell("ticket", printed(id)),
        // Each is answered anew, by whoever is next to say something.
        Kind::CancelUnfinished | Kind::TicketUnfounded
            if ["Canceling", "Canceled"].contains(&story.status()) =>
        {
            match ticket {
                Some("Printed") if kind == Kind::CancelUnfinished => tell("ticket", printed(id)),
                Some("Printed" | "Printing") => None,
                Some("Canceled") => tell("ticket", voided(id)),
                _ => tell("book", cancel_requested(story, id)),
            }
        }
        _ => None,
    }
}

fn tell(service: &'static str, event: Event) -> Option<Mend> {
    Some(Mend::Tell(service, Box::new(event)))
}

/// Everything that customers are told of this booking, as its services would.
fn truth(story: &Story, id: BookingId) -> Vec<(Event, Timestamp)> {
    let Some(booking) = story.booking.as_ref() else {
        return Vec::new();
    };
    let mut events = Vec::new();
    let mut tell = |event: Option<Event>, at: Option<i64>| {
        let at = at.and_then(|at| Timestamp::from_microsecond(at).ok()).unwrap_or_default();
        events.extend(event.map(|event| (event, at)));
    };
    tell(held(story, id), booking.created_at);
    if booking.status == "PaymentPending" {
        return events;
    }
    if let Some(payment) = story.payment() {
        tell(paid(id, payment), payment.created_at);
        if payment.status == "Canceled" {
            tell(refunded(id, payment), payment.updated_at);
        }
    }
    if came_to_be(story) {
        tell(booked(story, id), booking.created_at);
        if booking.status == "Canceled" {
            tell(Some(Canceled { id, status: Some(booking.status.clone()) }.into()), booking.updated_at);
        }
    } else {
        tell(Some(hold_expired(story, id)), booking.updated_at);
    }
    if let Some(ticket) = story.ticket() {
        tell(Some(created(story, id)), ticket.created_at);
        if ticket.status == "Printed" {
            tell(Some(printed(id)), ticket.updated_at);
        }
    }
    for row in &story.points {
        tell(point(id, row), row.created_at);
    }
    events
}

/// It was a booking, and perhaps is not any more.
fn came_to_be(story: &Story) -> bool {
    story.stands()
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

/// As book publishes it.
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

/// Makes the row of one booking anew, by mypage's own rules. What its timeline knew the times of keeps them.
async fn show(tx: &mut Tx, booking_id: i64, events: &[(Event, Timestamp)]) -> Result<(), Error> {
    let known = query_as::<(String, i64)>("SELECT event, happened_at FROM timeline WHERE booking_id = $1")
        .bind(booking_id);
    let known = tx.fetch_all(known).await?;
    tx.execute(query("DELETE FROM mypages WHERE booking_id = $1").bind(booking_id)).await?;
    tx.execute(query("DELETE FROM timeline WHERE booking_id = $1").bind(booking_id)).await?;
    let deliveries: Vec<Delivery> = events
        .iter()
        .map(|(event, at)| {
            let earlier = known.iter().find(|(known, _)| known == event.event_type());
            let earlier = earlier.and_then(|(_, at)| Timestamp::from_microsecond(*at).ok());
            Delivery {
                id: String::new(),
                event: event.clone(),
                at: earlier.unwrap_or(*at),
                trace: TraceContext::root(),
            }
        })
        .collect();
    mypage::app::remember_events(tx, &deliveries).await
}
