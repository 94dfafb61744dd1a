//! What is wrong with a story. The same story and the same time give the same answer.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::charges;
use crate::kind::Kind;
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
const PAYMENT_STATUSES: [&str; 4] = ["Paid", "Canceling", "Canceled", "Voided"];
const TICKET_STATUSES: [&str; 4] = ["Waiting", "Printing", "Printed", "Canceled"];

/// Now, and how long nothing must have happened to a booking before what is wrong with it is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub now: Timestamp,
    pub settle: Duration,
}

impl Clock {
    pub fn new(settle: Duration) -> Self {
        Self { now: Timestamp::now(), settle }
    }

    /// Whether the story may still be under way to where it should be.
    pub fn is_in_flight(self, story: &Story) -> bool {
        story.last_change().is_some_and(|latest| latest > self.before())
    }

    /// Whether what was to happen at `microsecond` has been due for too long.
    fn is_overdue(self, microsecond: i64) -> bool {
        microsecond < self.before().as_microsecond()
    }

    fn before(self) -> Timestamp {
        self.now.checked_sub(self.settle).unwrap_or(Timestamp::MIN)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: Kind,
    /// In which way, for a person.
    pub detail: String,
}

/// All that is wrong with `story`, were it settled: see [`Clock::is_in_flight`].
pub fn violations_of(story: &Story, clock: Clock) -> Vec<Violation> {
    let mut found = Found::default();
    rows(story, &mut found);
    money(story, &mut found);
    charges::violations(story, &mut found);
    seats(story, &mut found);
    ticket(story, &mut found);
    points(story, &mut found);
    mypage(story, &mut found);
    overdue(story, clock, &mut found);
    found.0
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found(pub(crate) Vec<Violation>);

impl Found {
    pub(crate) fn add(&mut self, kind: Kind, detail: impl Into<String>) {
        self.0.push(Violation { kind, detail: detail.into() });
    }
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
    if status == "Canceling" {
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

/// Of a booking; of one that is or was held, if its customer is known; and of what never came to be one if money went to and
/// fro for it.
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
    let score = story.points.iter().map(|row| row.score).max();
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let number = |value: Option<i64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    let screening = [&row.screening_id.map(|id| id.to_string()), &row.theatre];
    let screening = screening_differences(booking, screening, [row.starts_at, row.ends_at]);
    [
        ("status", row.status.clone(), status.to_owned()),
        ("score", number(row.score), number(score)),
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::story::{PointRow, TicketRow, UnsentRow};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn clock() -> Clock {
        Clock { now: NOW, settle: Duration::from_secs(60) }
    }

    fn kinds(story: &Story) -> Vec<Kind> {
        violations_of(story, clock()).into_iter().map(|violation| violation.kind).collect()
    }

    /// An hour ago.
    fn then() -> Option<i64> {
        Some(NOW.as_microsecond() - 3_600_000_000)
    }

    /// A booking of two seats as all services keep it, when nothing is wrong with it.
    fn story(status: &str) -> Story {
        let booked = ["Registered", "PaidComplete", "PrintComplete", "Canceling"].contains(&status);
        let was_booked = booked || status == "Canceled";
        let live = booked || status == "PaymentPending";
        let printed = status == "PrintComplete";
        let booking_id = 7;
        let booking = BookingRow {
            booking_id,
            movie_name: Some("soul".to_owned()),
            seat: Some("1A,2B".to_owned()),
            qty: 2,
            total_price: Some(10_000),
            name: "CGV".to_owned(),
            customer_id: Some(33),
            screening_id: Some(5),
            theatre: Some("Hall 1".to_owned()),
            starts_at: Some(1_000_000),
            ends_at: Some(2_000_000),
            status: status.to_owned(),
            held_published: Some(0),
            held_until: None,
            paying_until: None,
            created_at: then(),
            updated_at: then(),
        };
        let claim =
            |seat: &str| ClaimRow { booking_id, place: "screening:5".to_owned(), seat: seat.to_owned() };
        let point = |id, score, status: &str| PointRow {
            booking_id,
            id,
            customer_id: Some(33),
            score,
            contents: None,
            status: status.to_owned(),
            created_at: then(),
        };
        let payment = if booked { "Paid" } else { "Canceled" };
        let ticket = if printed {
            "Printed"
        } else if booked {
            "Waiting"
        } else {
            "Canceled"
        };
        let shown = if printed {
            "Printed"
        } else if booked {
            "Booked"
        } else {
            "Canceled"
        };
        let row = MypageRow {
            booking_id,
            shown: 1,
            customer_id: Some(33),
            movie_name: booking.movie_name.clone(),
            seat: booking.seat.clone(),
            qty: Some(2),
            price: Some(10_000),
            screening_id: Some(5),
            theatre: Some("Hall 1".to_owned()),
            starts_at: Some(1_000_000),
            ends_at: Some(2_000_000),
            status: shown.to_owned(),
            score: Some(if printed { 100 } else { 0 }),
            ticket_id: Some(booking_id),
            updated_at: then(),
        };
        let mut story = Story::of(booking_id);
        story.claims = Some(if live { vec![claim("1A"), claim("2B")] } else { vec![] });
        story.booking = Some(booking);
        if was_booked {
            story.payments = vec![PaymentRow {
                booking_id,
                id: 1,
                total_price: 10_000,
                reference: None,
                status: payment.to_owned(),
                created_at: then(),
                updated_at: then(),
            }];
            story.tickets = vec![TicketRow {
                booking_id,
                screening_id: Some(5),
                theatre: Some("Hall 1".to_owned()),
                starts_at: Some(1_000_000),
                ends_at: Some(2_000_000),
                status: ticket.to_owned(),
                issued: 1,
                created_at: then(),
                updated_at: then(),
            }];
            story.points = vec![point(1, 0, "Waiting Point")];
            story.mypage = Some(row);
        }
        if printed {
            story.points.push(point(2, 100, "Pointed"));
        }
        story
    }

    /// The same, changed.
    fn but(status: &str, change: impl FnOnce(&mut Story)) -> Story {
        let mut story = story(status);
        change(&mut story);
        story
    }

    fn booking(story: &mut Story) -> &mut BookingRow {
        story.booking.as_mut().unwrap()
    }

    fn shown(story: &mut Story) -> &mut MypageRow {
        story.mypage.as_mut().unwrap()
    }

    #[test]
    fn nothing_is_wrong_with_a_story_that_has_ended_well() {
        for status in [
            "PaymentPending",
            "Registered",
            "PaidComplete",
            "PrintComplete",
            "Declined",
            "Expired",
            "Canceled",
        ] {
            assert_eq!(kinds(&story(status)), [], "{status}");
        }
        assert_eq!(kinds(&Story::of(7)), []);
    }

    #[test]
    fn what_never_came_to_be_is_shown_if_money_went_to_and_fro_for_it() {
        let (payments, row) = (story("Canceled").payments, story("Canceled").mypage);
        for status in ["Declined", "Expired", "Canceled"] {
            let mut story = but(status, |story| {
                story.tickets.clear();
                story.points.clear();
                story.payments.clear();
                story.mypage = None;
            });
            assert_eq!(kinds(&story), [], "{status}");
            story.payments = payments.clone();
            assert_eq!(kinds(&story), [Kind::MypageMissing], "{status}");
            story.mypage = row.clone();
            shown(&mut story).ticket_id = None;
            shown(&mut story).score = None;
            assert_eq!(kinds(&story), [], "{status}");
        }
    }

    #[test]
    fn money_and_booking_go_together() {
        assert_eq!(kinds(&but("Registered", |story| story.payments.clear())), [Kind::BookingUnpaid]);
        let voided = but("Registered", |story| story.payments[0].status = "Voided".to_owned());
        assert_eq!(kinds(&voided), [Kind::BookingUnpaid]);
        let kept = but("Canceled", |story| story.payments[0].status = "Paid".to_owned());
        assert_eq!(kinds(&kept), [Kind::PaymentOrphaned]);
        let payments = story("Registered").payments;
        for status in ["Declined", "Expired"] {
            let kept = but(status, |story| story.payments = payments.clone());
            assert_eq!(kinds(&kept), [Kind::PaymentOrphaned], "{status}");
        }
        let alone = Story { payments: payments.clone(), ..Story::of(7) };
        assert_eq!(kinds(&alone), [Kind::PaymentOrphaned]);
        let waits = but("PaymentPending", |story| story.payments = payments.clone());
        assert_eq!(kinds(&waits), [Kind::PaymentUnsettled]);
        let wrong = but("PaidComplete", |story| story.payments[0].total_price = 1);
        assert_eq!(kinds(&wrong), [Kind::AmountWrong]);
        let twice = but("PaidComplete", |story| story.payments.push(story.payments[0].clone()));
        assert_eq!(kinds(&twice), [Kind::PaymentDoubled]);
    }

    #[test]
    fn money_goes_back_for_what_has_ended_and_for_nothing_else() {
        let back = |story: &mut Story| story.payments[0].status = "Canceled".to_owned();
        assert_eq!(kinds(&but("PaidComplete", back)), [Kind::RefundOfLive]);
        assert_eq!(kinds(&but("PrintComplete", back)), [Kind::RefundOfCollected]);
    }

    #[test]
    fn a_seat_is_claimed_by_who_lives_and_by_nobody_else() {
        let free = |story: &mut Story| story.claims = Some(vec![]);
        assert_eq!(kinds(&but("PaymentPending", free)), [Kind::ClaimMissing; 2]);
        let sold = but("Registered", |story| {
            story.claims.as_mut().unwrap().remove(0);
            story.rivals = vec![Rival { booking_id: 8, seat: "1A".to_owned() }];
        });
        assert_eq!(kinds(&sold), [Kind::SeatSoldTwice]);
        let claims = story("Registered").claims;
        let left = but("Expired", |story| story.claims = claims.clone());
        assert_eq!(kinds(&left), [Kind::ClaimLeft; 2]);
        assert_eq!(kinds(&Story { claims, ..Story::of(7) }), [Kind::ClaimLeft; 2]);
        let other =
            but("Registered", |story| story.claims.as_mut().unwrap()[1].place = "movie:soul".to_owned());
        assert_eq!(kinds(&other), [Kind::ClaimLeft, Kind::ClaimMissing]);
        assert_eq!(kinds(&but("Registered", |story| story.claims = None)), []);
    }

    #[test]
    fn a_ticket_is_for_a_paid_booking_and_every_paid_booking_has_one() {
        let none = |story: &mut Story| {
            story.tickets.clear();
            story.points.clear();
            shown(story).ticket_id = None;
            shown(story).score = None;
        };
        assert_eq!(kinds(&but("PaidComplete", none)), [Kind::TicketMissing]);
        let barred = but("PaidComplete", |story| {
            none(story);
            story.tickets = story_of_barred();
        });
        assert_eq!(kinds(&barred), [Kind::TicketMissing]);
        let void = but("Registered", |story| story.tickets[0].status = "Canceled".to_owned());
        assert_eq!(kinds(&void), [Kind::TicketMissing]);
        let waits = but("Canceled", |story| story.tickets[0].status = "Waiting".to_owned());
        assert_eq!(kinds(&waits), [Kind::TicketUnfounded]);
        let alone = Story { tickets: story("Registered").tickets, ..Story::of(7) };
        assert_eq!(kinds(&alone), [Kind::TicketUnfounded]);
        let twice = but("Registered", |story| story.tickets.push(story.tickets[0].clone()));
        assert_eq!(kinds(&twice), [Kind::TicketDoubled]);
    }

    fn story_of_barred() -> Vec<TicketRow> {
        let mut tickets = story("Canceled").tickets;
        tickets[0].issued = 0;
        tickets
    }

    #[test]
    fn booking_and_ticket_agree_on_the_collection() {
        let untold = but("PrintComplete", |story| booking(story).status = "PaidComplete".to_owned());
        assert_eq!(kinds(&untold), [Kind::CollectionUntold]);
        let early = but("PaidComplete", |story| {
            booking(story).status = "PrintComplete".to_owned();
            shown(story).status = "Printed".to_owned();
        });
        assert_eq!(kinds(&early), [Kind::CollectionUntold]);
        let printing = but("PaidComplete", |story| story.tickets[0].status = "Printing".to_owned());
        assert_eq!(kinds(&printing), [Kind::CollectionUnfinished]);
        assert_eq!(kinds(&story("Canceling")), [Kind::CancelUnfinished]);
    }

    #[test]
    fn a_hundred_points_are_for_a_collected_ticket() {
        let less = but("PrintComplete", |story| {
            story.points[1].score = 70;
            shown(story).score = Some(70);
        });
        assert_eq!(kinds(&less), [Kind::PointsWrong]);
        let none = but("PrintComplete", |story| {
            story.points.remove(1);
            shown(story).score = Some(0);
        });
        assert_eq!(kinds(&none), [Kind::PointsWrong]);
        let points = story("PrintComplete").points;
        let early = but("PaidComplete", |story| {
            story.points = points.clone();
            shown(story).score = Some(100);
        });
        assert_eq!(kinds(&early), [Kind::PointsUnearned]);
        assert_eq!(kinds(&Story { points, ..Story::of(7) }), [Kind::PointsUnearned]);
        let twice = but("PrintComplete", |story| story.points.push(story.points[1].clone()));
        assert_eq!(kinds(&twice), [Kind::AwardDoubled, Kind::PointsWrong]);
    }

    #[test]
    fn its_customer_sees_what_is_true() {
        assert_eq!(kinds(&but("Registered", |story| story.mypage = None)), [Kind::MypageMissing]);
        assert_eq!(kinds(&but("Registered", |story| shown(story).shown = 0)), [Kind::MypageMissing]);
        assert_eq!(kinds(&but("Canceled", |story| story.mypage = None)), [Kind::MypageMissing]);
        let row = story("Registered").mypage;
        for status in ["PaymentPending", "Declined", "Expired"] {
            let extra = but(status, |story| story.mypage = row.clone());
            assert_eq!(kinds(&extra), [Kind::MypageExtra], "{status}");
        }
        assert_eq!(kinds(&Story { mypage: row, ..Story::of(7) }), [Kind::MypageExtra]);
        let changes: [fn(&mut MypageRow); 12] = [
            |row| row.screening_id = Some(6),
            |row| row.theatre = Some("Hall 2".to_owned()),
            |row| row.starts_at = Some(9),
            |row| row.ends_at = Some(9),
            |row| row.status = "Printed".to_owned(),
            |row| row.score = Some(100),
            |row| row.price = None,
            |row| row.seat = Some("1A".to_owned()),
            |row| row.qty = Some(1),
            |row| row.movie_name = None,
            |row| row.customer_id = Some(34),
            |row| row.ticket_id = None,
        ];
        for change in changes {
            assert_eq!(kinds(&but("Registered", |story| change(shown(story)))), [Kind::MypageDiffers]);
        }
    }

    #[test]
    fn ticket_names_the_screening_of_its_booking() {
        let changes: [fn(&mut TicketRow); 4] = [
            |row| row.screening_id = Some(6),
            |row| row.theatre = Some("Hall 2".to_owned()),
            |row| row.starts_at = Some(9),
            |row| row.ends_at = Some(9),
        ];
        for change in changes {
            let wrong = but("Registered", |story| change(&mut story.tickets[0]));
            assert_eq!(kinds(&wrong), [Kind::TicketDiffers]);
        }
        let free = but("Registered", |story| {
            booking(story).screening_id = None;
            (booking(story).theatre, booking(story).starts_at, booking(story).ends_at) = (None, None, None);
            story.claims.iter_mut().flatten().for_each(|claim| claim.place = "movie:soul".to_owned());
        });
        assert_eq!(kinds(&free), [Kind::TicketDiffers, Kind::MypageDiffers]);
    }

    #[test]
    fn rows_from_before_may_say_less_of_their_screening() {
        let unnamed = |story: &mut Story, is_numbered: bool| {
            let (row, number) = (&mut story.tickets[0], is_numbered.then_some(5));
            row.screening_id = number;
            (row.theatre, row.starts_at, row.ends_at) = (None, None, None);
            let row = shown(story);
            row.screening_id = number;
            (row.theatre, row.starts_at, row.ends_at) = (None, None, None);
        };
        for is_numbered in [true, false] {
            assert_eq!(kinds(&but("Registered", |story| unnamed(story, is_numbered))), []);
        }
        // By REST, a booking says the number alone.
        let by_rest = but("Registered", |story| {
            (booking(story).theatre, booking(story).starts_at, booking(story).ends_at) = (None, None, None);
        });
        assert_eq!(kinds(&by_rest), []);
    }

    #[test]
    fn what_is_held_is_shown_to_a_customer_who_is_known() {
        let row = story("Registered").mypage;
        for status in ["PaymentPending", "Declined", "Expired", "Canceled"] {
            let held = |published: Option<i64>, seen: Option<&str>| {
                but(status, |story| {
                    (story.payments, story.tickets, story.points) = (vec![], vec![], vec![]);
                    booking(story).held_published = published;
                    story.mypage = None;
                    if let Some(seen) = seen {
                        story.mypage = row.clone();
                        shown(story).status = seen.to_owned();
                        (shown(story).score, shown(story).ticket_id) = (None, None);
                    }
                })
            };
            assert_eq!(kinds(&held(Some(1), Some(status))), [], "{status}");
            assert_eq!(kinds(&held(Some(1), None)), [Kind::MypageMissing], "{status}");
            assert_eq!(kinds(&held(Some(1), Some("Booked"))), [Kind::MypageDiffers], "{status}");
            assert_eq!(kinds(&held(Some(0), Some(status))), [Kind::MypageExtra], "{status}");
            // By REST it cannot be known, but what is shown must be true.
            for (seen, wrong) in
                [(None, vec![]), (Some(status), vec![]), (Some("Booked"), vec![Kind::MypageDiffers])]
            {
                assert_eq!(kinds(&held(None, seen)), wrong, "{status}");
            }
            let mut nobodys = held(Some(1), None);
            booking(&mut nobodys).customer_id = None;
            assert_eq!(kinds(&nobodys), [], "{status}");
        }
    }

    #[test]
    fn nothing_waits_for_too_long() {
        let held = |until: i64, paying: Option<i64>| {
            but("PaymentPending", |story| {
                booking(story).held_until = Some(NOW.as_microsecond() + until);
                booking(story).paying_until = paying.map(|until| NOW.as_microsecond() + until);
            })
        };
        assert_eq!(kinds(&held(-61_000_000, None)), [Kind::HoldOverdue]);
        assert_eq!(kinds(&held(-59_000_000, None)), []);
        assert_eq!(kinds(&held(-61_000_000, Some(-1_000_000))), []);
        let unsent = |at| {
            but("Registered", |story| {
                let event = "Booked".to_owned();
                story.unsent = vec![UnsentRow { service: "book", event, occurred_at: Some(at) }];
            })
        };
        assert_eq!(kinds(&unsent(-61_000_000)), [Kind::EventUnsent]);
        assert_eq!(kinds(&unsent(-59_000_000)), []);
    }

    #[test]
    fn a_status_that_nobody_knows_is_told() {
        assert_eq!(
            kinds(&but("Declined", |story| booking(story).status = "Lost".to_owned())),
            [Kind::RowUnreadable]
        );
    }

    proptest! {
        /// Whatever the rows say, whoever was touched last decides whether it is in flight.
        #[test]
        fn a_story_is_in_flight_until_all_its_rows_are_old(which in 0..5_usize, age in 0..200_i64) {
            let at = Some(NOW.as_microsecond() - age * 1_000_000);
            let story = but("PrintComplete", |story| match which {
                0 => booking(story).updated_at = at,
                1 => story.payments[0].updated_at = at,
                2 => story.tickets[0].updated_at = at,
                3 => story.points[1].created_at = at,
                _ => shown(story).updated_at = at,
            });
            prop_assert_eq!(clock().is_in_flight(&story), age < 60);
        }

        /// No combination of statuses is called right that keeps money for nothing, or gives it back for a collected ticket.
        #[test]
        fn no_right_story_breaks_the_rules_of_the_money(
            booking_status in proptest::sample::select(&BOOKING_STATUSES[..]),
            payment_status in proptest::sample::select(&PAYMENT_STATUSES[..]),
            ticket_status in proptest::sample::select(&TICKET_STATUSES[..]),
            is_paid: bool,
            is_issued: bool,
        ) {
            let story = but("Registered", |story| {
                booking(story).status = booking_status.to_owned();
                story.payments[0].status = payment_status.to_owned();
                story.tickets[0].status = ticket_status.to_owned();
                if !is_paid { story.payments.clear(); }
                if !is_issued { story.tickets.clear(); }
            });
            if kinds(&story).is_empty() {
                let kept = is_paid && payment_status == "Paid";
                prop_assert!(kept == story.stands() || (!kept && booking_status == "PaymentPending"));
                prop_assert!(!story.ticket_is(&["Printed"]) || kept);
            }
        }
    }
}
