use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::kind::Kind;
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

/// The right story of a booking of two seats with this status.
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
    let claim = |seat: &str| ClaimRow { booking_id, place: "screening:5".to_owned(), seat: seat.to_owned() };
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

/// The story of [`story`], after `change`.
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
fn right_story_of_each_status_has_no_violations() {
    for status in
        ["PaymentPending", "Registered", "PaidComplete", "PrintComplete", "Declined", "Expired", "Canceled"]
    {
        assert_eq!(kinds(&story(status)), [], "{status}");
    }
    assert_eq!(kinds(&Story::of(7)), []);
}

#[test]
fn unpaid_booking_is_shown_if_it_was_charged_and_refunded() {
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
fn each_payment_has_a_booking_and_each_confirmed_booking_a_payment() {
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
fn only_ended_bookings_are_refunded() {
    let back = |story: &mut Story| story.payments[0].status = "Canceled".to_owned();
    assert_eq!(kinds(&but("PaidComplete", back)), [Kind::RefundOfLive]);
    assert_eq!(kinds(&but("PrintComplete", back)), [Kind::RefundOfCollected]);
}

#[test]
fn only_live_bookings_claim_their_seats() {
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
    let other = but("Registered", |story| story.claims.as_mut().unwrap()[1].place = "movie:soul".to_owned());
    assert_eq!(kinds(&other), [Kind::ClaimLeft, Kind::ClaimMissing]);
    assert_eq!(kinds(&but("Registered", |story| story.claims = None)), []);
}

#[test]
fn each_ticket_has_a_confirmed_booking_and_each_confirmed_booking_a_ticket() {
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
fn collected_ticket_earns_exactly_100_points() {
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
fn customer_sees_the_booking_as_it_is() {
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
fn rows_of_earlier_versions_may_lack_their_screening() {
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
    // By REST, a booking has only the number of its screening.
    let by_rest = but("Registered", |story| {
        (booking(story).theatre, booking(story).starts_at, booking(story).ends_at) = (None, None, None);
    });
    assert_eq!(kinds(&by_rest), []);
}

#[test]
fn held_booking_is_shown_to_its_customer() {
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
        // REST does not show whether it was held, but a shown row must be right.
        for (seen, wrong) in
            [(None, vec![]), (Some(status), vec![]), (Some("Booked"), vec![Kind::MypageDiffers])]
        {
            assert_eq!(kinds(&held(None, seen)), wrong, "{status}");
        }
        let mut without_customer = held(Some(1), None);
        booking(&mut without_customer).customer_id = None;
        assert_eq!(kinds(&without_customer), [], "{status}");
    }
}

#[test]
fn hold_and_event_must_not_wait_for_too_long() {
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
fn unknown_status_is_found() {
    assert_eq!(
        kinds(&but("Declined", |story| booking(story).status = "Lost".to_owned())),
        [Kind::RowUnreadable]
    );
}

proptest! {
    /// Whichever row changed last decides whether the story is in flight.
    #[test]
    fn story_is_in_flight_until_all_its_rows_are_old(which in 0..5_usize, age in 0..200_i64) {
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

    /// No right story keeps a payment without a confirmed booking, or refunds a collected ticket.
    #[test]
    fn right_story_keeps_the_rules_on_payments(
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
            prop_assert!(kept == story.is_confirmed() || (!kept && booking_status == "PaymentPending"));
            prop_assert!(!story.ticket_is(&["Printed"]) || kept);
        }
    }
}
