use proptest::prelude::*;

use super::*;

pub fn booking(status: Status) -> Booking {
    Booking::restore(Row {
        id: BookingId::new(1).unwrap(),
        movie_name: Some("soul".to_owned()),
        seat: Some("1A,2B".to_owned()),
        qty: 2,
        total_price: Some(10_000),
        name: "CGV".to_owned(),
        customer_id: None,
        status,
        paid: false,
        screening_id: None,
        starts_at: None,
        ends_at: None,
        theatre: None,
        hold: Hold::begin(at(0), HOLD, ATTEMPT, false),
        updated_at: at(0),
    })
}

const HOLD: Duration = Duration::from_secs(600);
const ATTEMPT: Duration = Duration::from_secs(5);

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn event_of(change: &Change) -> Option<&'static str> {
    change.event.as_ref().map(Event::event_type)
}

#[test]
fn booked_is_published_once_whether_the_response_or_paid_comes_first() {
    let answer_first = booking(Status::PaymentPending).register();
    assert_eq!(event_of(&answer_first), Some("Booked"));
    let then = answer_first.booking.confirm_payment(Some(10_000));
    assert_eq!((then.booking.status(), event_of(&then)), (Status::PaidComplete, None));

    let event_first = booking(Status::PaymentPending).confirm_payment(Some(10_000));
    assert_eq!(event_of(&event_first), Some("Booked"));
    let then = event_first.booking.register();
    assert_eq!((then.booking.status(), event_of(&then)), (Status::PaidComplete, None));
}

#[test]
fn payment_of_another_amount_settles_nothing() {
    for amount in [None, Some(0), Some(9_999)] {
        let change = booking(Status::PaymentPending).confirm_payment(amount);
        assert_eq!(change.booking.status(), Status::PaymentPending);
        assert_eq!(event_of(&change), None);
    }
}

#[test]
fn canceled_pending_booking_ends_at_once_and_is_refunded() {
    let change = booking(Status::PaymentPending).request_cancel(at(1)).unwrap();
    assert_eq!(change.booking.status(), Status::Canceled);
    assert_eq!(event_of(&change), Some("HoldExpired"));
    let late = change.booking.confirm_payment(Some(10_000));
    assert_eq!((late.booking.status(), event_of(&late)), (Status::Canceled, None));
}

#[test]
fn pending_booking_that_ends_releases_its_places_and_is_refunded() {
    let pending = || booking(Status::PaymentPending);
    for (change, status) in [
        (pending().decline(), Status::Declined),
        (pending().expire(at(600)), Status::Expired),
        (pending().request_cancel(at(1)).unwrap(), Status::Canceled),
    ] {
        assert_eq!((change.booking.status(), event_of(&change)), (status, Some("HoldExpired")));
        assert!(change.releases && !change.booking.is_live());
    }
}

#[test]
fn booking_that_stays_unpaid_is_published_as_held_once() {
    let opened = || booking(Status::PaymentPending);
    for first in [
        opened().keep_held(at(1), true),
        opened().keep_held(at(1), false),
        // The attempt was interrupted.
        opened().begin_inquiry(at(5)).unwrap(),
        opened().begin_payment(at(5), ATTEMPT).unwrap(),
    ] {
        assert_eq!(event_of(&first), Some("Held"));
        let held = first.booking;
        assert_eq!(event_of(&held.clone().keep_held(at(11), true)), None);
        assert_eq!(
            event_of(&held.clone().begin_inquiry(at(70)).unwrap_or_else(|| held.clone().unchanged())),
            None
        );
        assert_eq!(event_of(&held.clone().begin_payment(at(70), ATTEMPT).unwrap()), None);
        assert_eq!(event_of(&held.register()), Some("Booked"));
    }
    assert_eq!(event_of(&booking(Status::Registered).keep_held(at(1), true)), None);
}

#[test]
fn hold_does_not_expire_during_an_attempt_to_pay() {
    let held = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    assert_eq!(held.clone().expire(at(599)).booking.status(), Status::PaymentPending);
    let paying = held.clone().begin_payment(at(599), ATTEMPT).unwrap().booking;
    assert_eq!(paying.clone().expire(at(603)).booking.status(), Status::PaymentPending);
    assert_eq!(paying.expire(at(604)).booking.status(), Status::Expired);
    assert_eq!(held.begin_payment(at(600), ATTEMPT), Err(PayRefused::NotHeld));
}

fn booking_of_a_screening(status: Status) -> Booking {
    let mut booking = booking(status);
    booking.row.starts_at = Some(at(100));
    booking.row.hold = booking.row.hold.until_the_start(Some(at(100)));
    booking
}

#[test]
fn hold_ends_when_the_screening_starts() {
    let held = booking_of_a_screening(Status::PaymentPending).keep_held(at(1), false).booking;
    assert_eq!(held.clone().expire(at(99)).booking.status(), Status::PaymentPending);
    assert_eq!(held.expire(at(100)).booking.status(), Status::Expired);
}

#[test]
fn no_attempt_to_pay_begins_after_the_screening_has_started() {
    let held = booking_of_a_screening(Status::PaymentPending).keep_held(at(1), false).booking;
    assert!(held.clone().begin_payment(at(99), ATTEMPT).is_ok());
    assert_eq!(held.clone().begin_payment(at(100), ATTEMPT), Err(PayRefused::Started));
    // An attempt that was sent before the start settles.
    let paying = held.begin_payment(at(99), ATTEMPT).unwrap().booking;
    assert_eq!(paying.clone().begin_payment(at(101), ATTEMPT), Err(PayRefused::InProgress));
    assert_eq!(paying.register().booking.status(), Status::Registered);
}

#[test]
fn no_cancel_begins_after_the_screening_has_started() {
    for status in [Status::Registered, Status::PaidComplete] {
        assert!(booking_of_a_screening(status).request_cancel(at(99)).is_ok());
        assert_eq!(booking_of_a_screening(status).request_cancel(at(100)), Err(CancelRefused::Started));
    }
    // A cancellation that was requested before the start continues.
    for status in [Status::Canceling, Status::Canceled] {
        let repeated = booking_of_a_screening(status).request_cancel(at(100)).unwrap();
        assert_eq!(repeated.booking.status(), status);
    }
}

#[test]
fn one_attempt_to_pay_runs_at_a_time_and_ends_after_a_crash() {
    let opened = booking(Status::PaymentPending);
    assert_eq!(opened.clone().begin_payment(at(4), ATTEMPT), Err(PayRefused::InProgress));
    assert!(opened.clone().begin_payment(at(5), ATTEMPT).is_ok());
    let ended = opened.keep_held(at(1), true).booking;
    assert!(ended.begin_payment(at(1), ATTEMPT).is_ok());
    assert_eq!(booking(Status::Registered).begin_payment(at(9), ATTEMPT), Err(PayRefused::NotHeld));
}

#[test]
fn pauses_between_inquiries_double_up_to_a_limit() {
    let mut held = booking(Status::PaymentPending).keep_held(at(0), true).booking;
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let pause = (1..).find(|pause| held.clone().begin_inquiry(at(now + pause)).is_some()).unwrap();
        pauses.push(pause);
        now += pause;
        held = held.begin_inquiry(at(now)).unwrap().booking;
    }
    assert_eq!(pauses, [2, 2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn inquiries_go_on_after_later_attempts_that_were_refused() {
    let timed_out = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let interrupted = booking(Status::PaymentPending);
    for held in [timed_out, interrupted] {
        let again = held.begin_payment(at(10), ATTEMPT).unwrap().booking;
        let refused = again.keep_held(at(11), false).booking;
        let thrice = refused.begin_payment(at(20), ATTEMPT).unwrap().booking;
        let refused = thrice.keep_held(at(21), false).booking;
        assert!(refused.begin_inquiry(at(30)).is_some());
    }
}

/// In a booking that is paid later, a due inquiry stands for another attempt. Otherwise it stands for an
/// attempt in doubt, which earlier versions recorded only so.
#[test]
fn next_attempt_leaves_the_last_one_in_doubt_if_that_may_have_been_paid() {
    let begun_after = |paying_until: Option<i64>, inquire_at: Option<i64>, pay_later| {
        let mut booking = booking(Status::PaymentPending);
        let hold = &mut booking.row.hold;
        (hold.paying_until, hold.inquire_at) = (paying_until.map(at), inquire_at.map(at));
        hold.pay_later = pay_later;
        booking.begin_payment(at(10), ATTEMPT).unwrap().booking.row.hold.in_doubt
    };
    // The last attempt was interrupted.
    assert!(begun_after(Some(5), Some(5), false) && begun_after(Some(5), Some(5), true));
    // It ended, and an inquiry is due.
    assert!(begun_after(None, Some(5), false));
    // It ended, and only another attempt is due.
    assert!(!begun_after(None, Some(5), true));
    assert!(!begun_after(None, None, false) && !begun_after(None, None, true));
}

#[test]
fn attempts_to_pay_are_counted() {
    let mut paying = booking(Status::PaymentPending);
    for attempts in 1..4 {
        assert_eq!(paying.row.hold.attempts, attempts);
        let held = paying.keep_held(at(attempts), true).booking;
        paying = held.begin_payment(at(attempts), ATTEMPT).unwrap().booking;
    }
}

#[test]
fn inquiry_at_the_end_of_a_hold_is_followed_by_a_pause() {
    let in_doubt = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let asked = in_doubt.begin_inquiry(at(600)).expect("an inquiry is due").booking;
    assert_eq!(asked.row.hold.inquire_at, Some(at(602)));
}

#[test]
fn last_inquiry_is_due_when_the_hold_ends() {
    let mut held = booking(Status::PaymentPending).keep_held(at(0), true).booking;
    let mut inquiries = Vec::new();
    for second in 1..=600 {
        if let Some(change) = held.clone().begin_inquiry(at(second)) {
            inquiries.push(second);
            held = change.booking;
        }
    }
    assert_eq!(inquiries.last(), Some(&600));
}

#[test]
fn attempt_that_did_not_reach_payment_needs_no_inquiry_but_may_be_repeated() {
    let kept = |pay_later| {
        let mut booking = booking(Status::PaymentPending);
        booking.row.hold.pay_later = pay_later;
        booking.keep_held(at(1), false).booking.begin_inquiry(at(100))
    };
    assert!(kept(false).is_none() && kept(true).is_some());
}

#[test]
fn repeated_cancel_is_published_again_after_a_pause() {
    let canceling = booking(Status::Canceling);
    let soon = canceling.clone().request_cancel(at(2)).unwrap();
    assert_eq!((soon.booking.status(), event_of(&soon)), (Status::Canceling, None));
    let later = canceling.request_cancel(at(3)).unwrap();
    assert_eq!((later.booking.status(), event_of(&later)), (Status::Canceling, Some("CancelRequested")));
    let over = booking(Status::Canceled).request_cancel(at(3)).unwrap();
    assert_eq!(event_of(&over), None);
}

#[test]
fn cancel_ends_with_the_refund_and_is_published() {
    let asked = booking(Status::PaidComplete).request_cancel(at(1)).unwrap();
    assert_eq!(event_of(&asked), Some("CancelRequested"));
    let ended = asked.booking.refund();
    assert_eq!((ended.booking.status(), event_of(&ended)), (Status::Canceled, Some("Canceled")));
    assert!(ended.releases);
}

#[test]
fn rejected_cancel_returns_to_the_earlier_status() {
    let registered = booking(Status::Registered).request_cancel(at(1)).unwrap().booking;
    let paid_meanwhile = registered.clone().confirm_payment(Some(10_000)).booking;
    assert_eq!(registered.reject_cancel().booking.status(), Status::Registered);
    assert_eq!(paid_meanwhile.reject_cancel().booking.status(), Status::PaidComplete);
}

#[test]
fn collected_ticket_cannot_be_canceled() {
    let collected = booking(Status::Canceling).collect().booking;
    assert_eq!(collected.status(), Status::PrintComplete);
    assert_eq!(collected.request_cancel(at(1)), Err(CancelRefused::AlreadyCollected));
}

#[test]
fn refund_without_a_cancel_begins_one() {
    let change = booking(Status::Registered).refund();
    assert_eq!((change.booking.status(), event_of(&change)), (Status::Canceling, Some("CancelRequested")));
}

proptest! {
    /// In any order of any transitions: final states stay. `Held`, `Booked`, `Canceled` and `HoldExpired` are
    /// published at most once each, `Held` before all others, and `Canceled` never without a request. A
    /// charge pays for the booking or is refunded, but not both. The places are released once, when the
    /// booking ends.
    #[test]
    fn no_order_of_transitions_breaks_a_booking(transitions in proptest::collection::vec(0..11_u8, 0..40)) {
        let mut booking = booking(Status::PaymentPending);
        let mut published = Vec::new();
        let mut released = 0;
        for (second, transition) in transitions.into_iter().enumerate() {
            let before = booking.status();
            let now = at(590 + second as i64);
            let change = match transition {
                0 => booking.register(),
                1 => booking.decline(),
                2 => booking.confirm_payment(Some(10_000)),
                3 => match booking.clone().request_cancel(now) {
                    Ok(change) => change,
                    Err(_) => booking.unchanged(),
                },
                4 => booking.refund(),
                5 => booking.reject_cancel(),
                6 => booking.collect(),
                7 => booking.expire(now),
                8 => booking.keep_held(now, second % 2 == 0),
                9 => booking.clone().begin_inquiry(now).unwrap_or_else(|| booking.unchanged()),
                _ => booking.clone().begin_payment(now, ATTEMPT).unwrap_or_else(|_| booking.unchanged()),
            };
            published.extend(event_of(&change));
            released += i32::from(change.releases);
            booking = change.booking;
            if matches!(before, Status::PrintComplete | Status::Declined | Status::Expired | Status::Canceled) {
                prop_assert_eq!(booking.status(), before);
            }
            prop_assert_eq!(released, i32::from(!booking.is_live()));
        }
        let count = |name: &str| published.iter().filter(|event| **event == name).count();
        prop_assert!(count("Booked") <= 1);
        prop_assert!(count("Held") == usize::from(published.first() == Some(&"Held")));
        prop_assert!(count("Canceled") <= 1);
        prop_assert!(count("Booked") + count("HoldExpired") <= 1);
        prop_assert!(count("Canceled") == 0 || count("CancelRequested") > 0);
    }
}

#[test]
fn hold_does_not_expire_during_an_inquiry() {
    let over = at(600);
    let in_doubt = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let asked = in_doubt.begin_inquiry(over).expect("an inquiry is due").booking;
    assert_eq!(asked.clone().expire(over).booking.status(), Status::PaymentPending);
    let later = over + INQUIRY_TIME;
    assert_eq!(asked.expire(later).booking.status(), Status::Expired);

    let never_paid = booking(Status::PaymentPending).keep_held(at(1), false).booking;
    assert_eq!(never_paid.expire(over).booking.status(), Status::Expired);
}
