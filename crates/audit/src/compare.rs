//! What is wrong with a story. The same story and the same time give the same answer.

use jiff::Timestamp;

use crate::charges;
use crate::clock::Clock;
use crate::found::{Found, Violation};
use crate::kind::Kind;
use crate::refunds;
use crate::story::{BookingRow, ClaimRow, MypageRow, PaymentRow, Rival, Story};

/// The points of a collected ticket.
const SCORE: i64 = 100;
/// Every status there is, by whose row it stands in.
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
pub(crate) const PAYMENT_STATUSES: [&str; 4] = ["Paid", "Canceling", "Canceled", "Voided"];
const TICKET_STATUSES: [&str; 4] = ["Waiting", "Printing", "Printed", "Canceled"];

/// All that is wrong with `story`, were it settled: see [`Clock::is_in_flight`].
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

/// Each row says something, and none is there twice.
fn rows(story: &Story, found: &mut Found) {
    let booking = story.booking.iter().map(|row| ("booking", &row.status, &BOOKING_STATUSES[..]));
    let payments = story.payments.iter().map(|row| ("payment", &row.status, &PAYMENT_STATUSES[..]));
    let tickets = story.tickets.iter().map(|row| ("ticket", &row.status, &TICKET_STATUSES[..]));
    for (what, status, known) in booking.chain(payments).chain(tickets) {
        if !known.contains(&status.as_str()) {
            found.add(Kind::RowUnreadable, format!("the status of its {what} is {status:?}"));
        }
    }
    if story.payments.len() > 1 {
        found.add(Kind::PaymentDoubled, format!("it has {} payments", story.payments.len()));
    }
    if story.tickets.len() > 1 {
        found.add(Kind::TicketDoubled, format!("it has {} tickets", story.tickets.len()));
    }
    let awards = story.points.iter().filter(|row| row.score > 0).count();
    if awards > 1 {
        found.add(Kind::AwardDoubled, format!("its points were granted {awards} times"));
    }
}

/// Charged if and only if there is a booking that lives; and never given back while it does.
fn money(story: &Story, found: &mut Found) {
    let status = story.status();
    match story.payment() {
        None if story.stands() => {
            found.add(Kind::BookingUnpaid, format!("it is {status} and has no payment"));
        }
        Some(payment) if payment.status == "Paid" => paid(story, payment, found),
        Some(payment) if ["Canceling", "Canceled"].contains(&payment.status.as_str()) => {
            let goes = if payment.status == "Canceled" { "went back" } else { "is going back" };
            if story.ticket_is(&["Printing", "Printed"]) {
                found.add(Kind::RefundOfCollected, format!("its money {goes}, and its ticket was collected"));
            } else if story.stands() {
                found.add(Kind::RefundOfLive, format!("its money {goes}, and it is {status}"));
            }
        }
        _ => {}
    }
}

fn paid(story: &Story, payment: &PaymentRow, found: &mut Found) {
    let due = story.booking.as_ref().map(due);
    if let Some(due) = due.filter(|due| *due != payment.total_price) {
        found.add(Kind::AmountWrong, format!("{} was paid for it, and it costs {due}", payment.total_price));
    }
    match story.status() {
        "" => found.add(Kind::PaymentOrphaned, "money is kept for it, and there is no such booking"),
        status @ ("Declined" | "Expired" | "Canceled") => {
            found.add(Kind::PaymentOrphaned, format!("money is kept for it, and it is {status}"));
        }
        "PaymentPending" if due == Some(payment.total_price) => {
            found.add(Kind::PaymentUnsettled, "it was paid, and still waits for its payment");
        }
        _ => {}
    }
}

/// A booking without a price is free.
fn due(booking: &BookingRow) -> i64 {
    booking.total_price.unwrap_or_default()
}

/// Every seat of a booking that lives is claimed for it, and no other is.
fn seats(story: &Story, found: &mut Found) {
    let Some(claims) = &story.claims else {
        return;
    };
    let place = story.place().filter(|_| story.is_live()).unwrap_or_default();
    let seats = story.seats();
    let is_its_own = |claim: &ClaimRow| claim.place == place && seats.contains(&claim.seat);
    for claim in claims.iter().filter(|claim| !story.is_live() || !is_its_own(claim)) {
        let what = match story.status() {
            "" => "there is no such booking".to_owned(),
            status => format!("it is {status} and has {seats:?}"),
        };
        found.add(Kind::ClaimLeft, format!("{} at {} is kept for it, and {what}", claim.seat, claim.place));
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
                found.add(
                    Kind::SeatSoldTwice,
                    format!("{seat} at {place} is booking {booking_id}'s seat as well"),
                );
            }
            None => found.add(Kind::ClaimMissing, format!("{seat} at {place} is not kept for it")),
        }
    }
}

/// A ticket for each paid booking and for no other; and both agree on what became of it.
fn ticket(story: &Story, found: &mut Found) {
    let status = story.status();
    match story.ticket() {
        None if story.stands() => found.add(Kind::TicketMissing, format!("it is {status} and has no ticket")),
        None => {}
        Some(ticket) if ticket.status == "Canceled" && story.stands() => {
            found.add(Kind::TicketMissing, format!("it is {status}, and its ticket is void"));
        }
        Some(ticket) if ticket.status == "Canceled" => {}
        Some(ticket) => {
            let collected = (ticket.status == "Printed", status == "PrintComplete");
            if story.stands() && collected.0 != collected.1 {
                let detail = format!("its ticket is {}, and it is {status}", ticket.status);
                found.add(Kind::CollectionUntold, detail);
            }
            if !story.stands() && status != "Canceling" {
                let booking = if status.is_empty() { "not there" } else { status };
                let detail = format!("its ticket is {}, and the booking is {booking}", ticket.status);
                found.add(Kind::TicketUnfounded, detail);
            }
            if ticket.status == "Printing" {
                found.add(Kind::CollectionUnfinished, "its ticket is being collected, and nothing happens");
            }
        }
    }
    if let (Some(ticket), Some(booking)) = (story.ticket(), &story.booking) {
        let named = [&ticket.screening_id.map(|id| id.to_string()), &ticket.theatre];
        let differences = screening_differences(booking, named, [ticket.starts_at, ticket.ends_at]);
        if !differences.is_empty() {
            found.add(Kind::TicketDiffers, format!("its ticket says {}", differences.join(", ")));
        }
    }
    if status == "Canceling" && refunds::under_way(story).is_none() {
        found.add(Kind::CancelUnfinished, "its cancel was begun, and nothing happens");
    }
}

/// What a row says of its screening that is not so. A row from before that says nothing, or nothing but the number, is right.
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
    .filter(|(_, says, is, is_seen)| *is_seen && says.is_some() && says != is)
    .map(|(field, says, is, _)| {
        let none = || "none".to_owned();
        format!("{field} {}, and it is {}", says.unwrap_or_else(none), is.unwrap_or_else(none))
    })
    .collect()
}

/// A hundred points if and only if the ticket was collected.
fn points(story: &Story, found: &mut Found) {
    let sum: i64 = story.points.iter().map(|row| row.score).sum();
    if story.ticket_is(&["Printed"]) {
        if sum != SCORE {
            found.add(Kind::PointsWrong, format!("its ticket was collected, and earned {sum} points"));
        }
    } else if sum != 0 && !story.ticket_is(&["Printing"]) {
        found.add(Kind::PointsUnearned, format!("{sum} points were granted, and no ticket was collected"));
    }
}

/// What its customer is to see.
enum Expected {
    Nothing,
    /// One of these.
    Row(&'static [&'static str]),
    /// Nothing, or this: it cannot be known which.
    Perhaps(&'static str),
    /// It cannot be known.
    Anything,
}

/// The row that mypage should have. It has one for every booking that was made, for every held one whose customer is known, and
/// for every unpaid one that was charged and refunded.
fn expected(story: &Story) -> Expected {
    let money_went_back = story.payment_is("Canceled");
    match story.status() {
        "PrintComplete" => Expected::Row(&["Printed"]),
        "Registered" | "PaidComplete" | "Canceling" if story.ticket_is(&["Printed"]) => {
            Expected::Row(&["Printed"])
        }
        "Registered" | "PaidComplete" | "Canceling" => Expected::Row(&["Booked"]),
        "Canceled" if money_went_back || story.ticket().is_some() => Expected::Row(&["Canceled"]),
        // A row from before there were these words says `Canceled`; it is there because of the money.
        "Declined" if money_went_back => Expected::Row(&["Declined", "Canceled"]),
        "Expired" if money_went_back => Expected::Row(&["Expired", "Canceled"]),
        "PaymentPending" => of_a_hold(story, "PaymentPending", &["PaymentPending"]),
        "Declined" => of_a_hold(story, "Declined", &["Declined"]),
        "Expired" => of_a_hold(story, "Expired", &["Expired"]),
        "Canceled" => of_a_hold(story, "Canceled", &["Canceled"]),
        "" if money_went_back => Expected::Anything,
        _ => Expected::Nothing,
    }
}

/// What is not paid is shown if it was held, and its customer is known.
fn of_a_hold(story: &Story, status: &'static str, row: &'static [&'static str]) -> Expected {
    let booking = story.booking.as_ref().filter(|booking| booking.customer_id.is_some());
    match booking.map(|booking| booking.held_published) {
        None | Some(Some(0)) => Expected::Nothing,
        Some(Some(_)) => Expected::Row(row),
        Some(None) => Expected::Perhaps(status),
    }
}

/// Its customer sees what is true.
fn mypage(story: &Story, found: &mut Found) {
    match (expected(story), story.shown(), &story.booking) {
        (Expected::Row(_), None, _) => {
            found
                .add(Kind::MypageMissing, format!("it is {}, and not shown to its customer", story.status()));
        }
        (Expected::Row(statuses), Some(row), Some(booking)) => {
            let known = statuses.iter().find(|status| **status == row.status);
            differs(differences(story, known.unwrap_or(&statuses[0]), row, booking), found);
        }
        (Expected::Perhaps(status), Some(row), Some(booking)) => {
            differs(differences(story, status, row, booking), found);
        }
        (Expected::Nothing, Some(row), _) => {
            let status = if story.booking.is_some() { story.status() } else { "not there" };
            let detail = format!("its customer sees it as {}, and it is {status}", row.status);
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
    // A customer sees 0 until there are points.
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
    .filter(|(_, shown, is)| shown != is)
    .map(|(field, shown, is)| format!("{field} {shown}, and it is {is}"))
    .chain(screening)
    .map(|difference| format!("its customer sees {difference}"))
    .collect()
}

/// Nothing waits longer than it should.
fn overdue(story: &Story, clock: Clock, found: &mut Found) {
    if let Some(booking) = &story.booking
        && booking.status == "PaymentPending"
        && let Some(until) = booking.held_until.max(booking.paying_until)
        && clock.is_overdue(until)
    {
        found.add(Kind::HoldOverdue, "it waits for its payment, and its hold has run out");
    }
    let waiting: Vec<String> = story
        .unsent
        .iter()
        .filter(|event| event.occurred_at.is_some_and(|at| clock.is_overdue(at)))
        .map(|event| format!("{} of {}", event.event, event.service))
        .collect();
    if !waiting.is_empty() {
        found.add(Kind::EventUnsent, format!("not sent yet: {}", waiting.join(", ")));
    }
}

#[cfg(test)]
mod tests;
