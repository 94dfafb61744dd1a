//! The violations of a story. Pure: the same story and the same time have the same violations.

use jiff::Timestamp;

use crate::charges;
use crate::clock::Clock;
use crate::found::{Found, Violation};
use crate::kind::Kind;
use crate::refunds;
use crate::story::{BookingRow, ClaimRow, MypageRow, PaymentRow, Rival, Story};

/// The points of a collected ticket.
const SCORE: i64 = 100;
/// All statuses of a booking.
const BOOKING_STATUSES: [&str; 8] = [
    "PaymentPending",
    "Registered",
    "PaidComplete",
    "PrintComplete",
    "Declined",
    "Expired",
    "Canceling",
    "Canceled",
];
/// All statuses of a payment.
pub(crate) const PAYMENT_STATUSES: [&str; 4] = ["Paid", "Canceling", "Canceled", "Voided"];
/// All statuses of a ticket.
const TICKET_STATUSES: [&str; 4] = ["Waiting", "Printing", "Printed", "Canceled"];

/// All violations of `story`, as if it were settled: see [`Clock::is_in_flight`].
pub fn violations_of(story: &Story, clock: Clock) -> Vec<Violation> {
    let mut found = Found::default();
    rows(story, &mut found);
    money(story, &mut found);
    charges::violations(story, &mut found);
    refunds::violations(story, clock, &mut found);
    seats(story, &mut found);
    ticket(story, &mut found);
    points(story, &mut found);
    mypage(story, &mut found);
    overdue(story, clock, &mut found);
    found.0
}

/// Each row has a known status and exists once.
fn rows(story: &Story, found: &mut Found) {
    let booking = story.booking.iter().map(|row| ("booking", &row.status, &BOOKING_STATUSES[..]));
    let payments = story.payments.iter().map(|row| ("payment", &row.status, &PAYMENT_STATUSES[..]));
    let tickets = story.tickets.iter().map(|row| ("ticket", &row.status, &TICKET_STATUSES[..]));
    for (what, status, known) in booking.chain(payments).chain(tickets) {
        if !known.contains(&status.as_str()) {
            found.add(Kind::RowUnreadable, format!("the {what} has the unknown status {status:?}"));
        }
    }
    if story.payments.len() > 1 {
        found.add(Kind::PaymentDoubled, format!("the booking has {} payments", story.payments.len()));
    }
    if story.tickets.len() > 1 {
        found.add(Kind::TicketDoubled, format!("the booking has {} tickets", story.tickets.len()));
    }
    let awards = story.points.iter().filter(|row| row.score > 0).count();
    if awards > 1 {
        found.add(Kind::AwardDoubled, format!("points were granted {awards} times"));
    }
}

/// A confirmed booking has a payment, which is not refunded. No other booking keeps a payment.
fn money(story: &Story, found: &mut Found) {
    let status = story.status();
    match story.payment() {
        None if story.is_confirmed() => {
            found.add(Kind::BookingUnpaid, format!("the booking is {status} but has no payment"));
        }
        Some(payment) if payment.status == "Paid" => paid(story, payment, found),
        Some(payment) if ["Canceling", "Canceled"].contains(&payment.status.as_str()) => {
            let refund = if payment.status == "Canceled" { "was refunded" } else { "is being refunded" };
            if story.ticket_is(&["Printing", "Printed"]) {
                found.add(
                    Kind::RefundOfCollected,
                    format!("the payment {refund}, but the ticket was collected"),
                );
            } else if story.is_confirmed() {
                found.add(Kind::RefundOfLive, format!("the payment {refund}, but the booking is {status}"));
            }
        }
        _ => {}
    }
}

fn paid(story: &Story, payment: &PaymentRow, found: &mut Found) {
    let due = story.booking.as_ref().map(due);
    if let Some(due) = due.filter(|due| *due != payment.total_price) {
        found
            .add(Kind::AmountWrong, format!("{} was paid, but the booking costs {due}", payment.total_price));
    }
    match story.status() {
        "" => found.add(Kind::PaymentOrphaned, "a payment is kept, but the booking does not exist"),
        status @ ("Declined" | "Expired" | "Canceled") => {
            found.add(Kind::PaymentOrphaned, format!("a payment is kept, but the booking is {status}"));
        }
        "PaymentPending" if due == Some(payment.total_price) => {
            found.add(Kind::PaymentUnsettled, "the payment was made, but the booking still waits for it");
        }
        _ => {}
    }
}

/// The price of a booking. A booking without a price is free.
fn due(booking: &BookingRow) -> i64 {
    booking.total_price.unwrap_or_default()
}

/// A live booking claims all its seats, and no booking claims other seats.
fn seats(story: &Story, found: &mut Found) {
    let Some(claims) = &story.claims else {
        return;
    };
    let place = story.place().filter(|_| story.is_live()).unwrap_or_default();
    let seats = story.seats();
    let is_valid = |claim: &ClaimRow| claim.place == place && seats.contains(&claim.seat);
    for claim in claims.iter().filter(|claim| !story.is_live() || !is_valid(claim)) {
        let state = match story.status() {
            "" => "does not exist".to_owned(),
            status => format!("is {status} and has {seats:?}"),
        };
        found.add(
            Kind::ClaimLeft,
            format!("the booking claims {} at {}, but {state}", claim.seat, claim.place),
        );
    }
    if !story.is_live() {
        return;
    }
    for seat in &seats {
        if claims.iter().any(|claim| claim.seat == *seat && claim.place == place) {
            continue;
        }
        let mut rivals = story.rivals.iter().filter(|rival| rival.seat == *seat);
        match rivals.next() {
            Some(Rival { booking_id, .. }) => {
                found.add(Kind::SeatSoldTwice, format!("booking {booking_id} also has {seat} at {place}"));
            }
            None => found
                .add(Kind::ClaimMissing, format!("the booking does not claim its seat {seat} at {place}")),
        }
    }
}

/// A confirmed booking has a ticket, no other booking has one, and both agree on the collection.
fn ticket(story: &Story, found: &mut Found) {
    let status = story.status();
    match story.ticket() {
        None if story.is_confirmed() => {
            found.add(Kind::TicketMissing, format!("the booking is {status} but has no ticket"));
        }
        None => {}
        Some(ticket) if ticket.status == "Canceled" && story.is_confirmed() => {
            found.add(Kind::TicketMissing, format!("the booking is {status}, but the ticket is void"));
        }
        Some(ticket) if ticket.status == "Canceled" => {}
        Some(ticket) => {
            let collected = (ticket.status == "Printed", status == "PrintComplete");
            if story.is_confirmed() && collected.0 != collected.1 {
                let detail = format!("the ticket is {}, but the booking is {status}", ticket.status);
                found.add(Kind::CollectionUntold, detail);
            }
            if !story.is_confirmed() && status != "Canceling" {
                let booking = story.status_text();
                let detail = format!("the ticket is {}, but the booking is {booking}", ticket.status);
                found.add(Kind::TicketUnfounded, detail);
            }
            if ticket.status == "Printing" {
                found
                    .add(Kind::CollectionUnfinished, "the collection of the ticket began, but has not ended");
            }
        }
    }
    if let (Some(ticket), Some(booking)) = (story.ticket(), &story.booking) {
        let screening = [&ticket.screening_id.map(|id| id.to_string()), &ticket.theatre];
        let differences = screening_differences(booking, screening, [ticket.starts_at, ticket.ends_at]);
        if !differences.is_empty() {
            found.add(Kind::TicketDiffers, format!("the ticket has {}", differences.join(", ")));
        }
    }
    if status == "Canceling" && refunds::under_way(story).is_none() {
        found.add(Kind::CancelUnfinished, "the cancellation began, but has not ended");
    }
}

/// The differences between a row and the screening of its booking. Rows of earlier versions are right
/// although they name no screening, or only its number.
fn screening_differences(
    booking: &BookingRow,
    [screening_id, theatre]: [&Option<String>; 2],
    [starts_at, ends_at]: [Option<i64>; 2],
) -> Vec<String> {
    let text = |microsecond: Option<i64>| {
        microsecond.and_then(|at| Timestamp::from_microsecond(at).ok()).map(|at| at.to_string())
    };
    let is_seen = booking.theatre.is_some() || booking.screening_id.is_none();
    [
        ("screeningId", screening_id.clone(), booking.screening_id.map(|id| id.to_string()), true),
        ("theatre", theatre.clone(), booking.theatre.clone(), is_seen),
        ("startsAt", text(starts_at), text(booking.starts_at), is_seen),
        ("endsAt", text(ends_at), text(booking.ends_at), is_seen),
    ]
    .into_iter()
    .filter(|(_, found, right, is_seen)| *is_seen && found.is_some() && found != right)
    .map(|(field, found, right, _)| {
        let none = || "none".to_owned();
        format!("{field} {} instead of {}", found.unwrap_or_else(none), right.unwrap_or_else(none))
    })
    .collect()
}

/// A collected ticket earns exactly 100 points, and any other earns none.
fn points(story: &Story, found: &mut Found) {
    let sum: i64 = story.points.iter().map(|row| row.score).sum();
    if story.ticket_is(&["Printed"]) {
        if sum != SCORE {
            found.add(
                Kind::PointsWrong,
                format!("the ticket was collected and earned {sum} points instead of {SCORE}"),
            );
        }
    } else if sum != 0 && !story.ticket_is(&["Printing"]) {
        found.add(Kind::PointsUnearned, format!("{sum} points were granted, but no ticket was collected"));
    }
}

/// What the customer must see.
enum Expected {
    Nothing,
    /// The booking, with one of these statuses.
    Row(&'static [&'static str]),
    /// Nothing, or the booking with this status. The audit cannot know which.
    Perhaps(&'static str),
    /// The audit cannot know.
    Anything,
}

/// The row that mypage must show: one for every booking that was confirmed, every held booking with a
/// customer, and every unpaid booking that was charged and refunded.
fn expected(story: &Story) -> Expected {
    let is_refunded = story.payment_is("Canceled");
    match story.status() {
        "PrintComplete" => Expected::Row(&["Printed"]),
        "Registered" | "PaidComplete" | "Canceling" if story.ticket_is(&["Printed"]) => {
            Expected::Row(&["Printed"])
        }
        "Registered" | "PaidComplete" | "Canceling" => Expected::Row(&["Booked"]),
        "Canceled" if is_refunded || story.ticket().is_some() => Expected::Row(&["Canceled"]),
        // Rows of earlier versions have the status `Canceled`.
        "Declined" if is_refunded => Expected::Row(&["Declined", "Canceled"]),
        "Expired" if is_refunded => Expected::Row(&["Expired", "Canceled"]),
        "PaymentPending" => unpaid(story, "PaymentPending", &["PaymentPending"]),
        "Declined" => unpaid(story, "Declined", &["Declined"]),
        "Expired" => unpaid(story, "Expired", &["Expired"]),
        "Canceled" => unpaid(story, "Canceled", &["Canceled"]),
        "" if is_refunded => Expected::Anything,
        _ => Expected::Nothing,
    }
}

/// An unpaid booking is shown if it was held and has a customer.
fn unpaid(story: &Story, status: &'static str, row: &'static [&'static str]) -> Expected {
    let booking = story.booking.as_ref().filter(|booking| booking.customer_id.is_some());
    match booking.map(|booking| booking.held_published) {
        None | Some(Some(0)) => Expected::Nothing,
        Some(Some(_)) => Expected::Row(row),
        Some(None) => Expected::Perhaps(status),
    }
}

/// The customer sees the booking as it is.
fn mypage(story: &Story, found: &mut Found) {
    match (expected(story), story.shown(), &story.booking) {
        (Expected::Row(_), None, _) => {
            found.add(
                Kind::MypageMissing,
                format!("the booking is {}, but the customer does not see it", story.status()),
            );
        }
        (Expected::Row(statuses), Some(row), Some(booking)) => {
            let known = statuses.iter().find(|status| **status == row.status);
            differs(differences(story, known.unwrap_or(&statuses[0]), row, booking), found);
        }
        (Expected::Perhaps(status), Some(row), Some(booking)) => {
            differs(differences(story, status, row, booking), found);
        }
        (Expected::Nothing, Some(row), _) => {
            let booking = story.status_text();
            let detail = format!("the customer sees the booking as {}, but it is {booking}", row.status);
            found.add(Kind::MypageExtra, detail);
        }
        _ => {}
    }
}

fn differs(differences: Vec<String>, found: &mut Found) {
    if !differences.is_empty() {
        found.add(Kind::MypageDiffers, differences.join("; "));
    }
}

fn differences(story: &Story, status: &str, row: &MypageRow, booking: &BookingRow) -> Vec<String> {
    let ticket = story.ticket().map(|_| story.booking_id);
    // The customer sees 0 until points are granted.
    let score = story.points.iter().map(|row| row.score).max().unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<i64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    let screening = [&row.screening_id.map(|id| id.to_string()), &row.theatre];
    let screening = screening_differences(booking, screening, [row.starts_at, row.ends_at]);
    [
        ("status", row.status.clone(), status.to_owned()),
        ("score", row.score.unwrap_or_default().to_string(), score.to_string()),
        ("price", number(row.price), number(booking.total_price)),
        ("seat", text(&row.seat), text(&booking.seat)),
        ("qty", number(row.qty), number(Some(booking.qty))),
        ("movieName", text(&row.movie_name), text(&booking.movie_name)),
        ("customerId", number(row.customer_id), number(booking.customer_id)),
        ("ticketId", number(row.ticket_id), number(ticket)),
    ]
    .into_iter()
    .filter(|(_, shown, right)| shown != right)
    .map(|(field, shown, right)| format!("{field} {shown} instead of {right}"))
    .chain(screening)
    .map(|difference| format!("the customer sees {difference}"))
    .collect()
}

/// No hold and no event waits for too long.
fn overdue(story: &Story, clock: Clock, found: &mut Found) {
    if let Some(booking) = &story.booking
        && booking.status == "PaymentPending"
        && let Some(until) = booking.held_until.max(booking.paying_until)
        && clock.is_overdue(until)
    {
        found.add(Kind::HoldOverdue, "the booking waits for its payment, but its hold has expired");
    }
    let waiting: Vec<String> = story
        .unsent
        .iter()
        .filter(|event| event.occurred_at.is_some_and(|at| clock.is_overdue(at)))
        .map(|event| format!("{} of {}", event.event, event.service))
        .collect();
    if !waiting.is_empty() {
        found.add(Kind::EventUnsent, format!("events have not been sent: {}", waiting.join(", ")));
    }
}

#[cfg(test)]
mod tests;
