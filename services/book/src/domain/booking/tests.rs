use proptest::prelude::*;

use super::*;

fn booking(status: Status) -> Booking {
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

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn event_of(change: &Change) -> Option<&'static str> {
    change.event.as_ref().map(Event::event_type)
}

#[test]
fn a_booking_is_told_of_once_whichever_word_of_the_payment_comes_first() {
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
fn money_that_is_not_the_price_settles_nothing() {
    for amount in [None, Some(0), Some(9_999)] {
        let change = booking(Status::PaymentPending).confirm_payment(amount);
        assert_eq!(change.booking.status(), Status::PaymentPending);
        assert_eq!(event_of(&change), None);
    }
}

#[test]
fn a_pending_booking_is_given_up_at_once_and_its_money_called_back() {
    let change = booking(Status::PaymentPending).request_cancel(at(1)).unwrap();
    assert_eq!(change.booking.status(), Status::Canceled);
    assert_eq!(event_of(&change), Some("HoldExpired"));
    let late = change.booking.confirm_payment(Some(10_000));
    assert_eq!((late.booking.status(), event_of(&late)), (Status::Canceled, None));
}

#[test]
fn however_a_pending_booking_ends_its_places_are_free_and_its_money_is_called_back() {
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
        // The attempt broke off.
        opened().look(at(5)).unwrap(),
        opened().begin_payment(at(5), ATTEMPT).unwrap(),
    ] {
        assert_eq!(event_of(&first), Some("Held"));
        let held = first.booking;
        assert_eq!(event_of(&held.clone().keep_held(at(11), true)), None);
        assert_eq!(event_of(&held.clone().look(at(70)).unwrap_or_else(|| held.clone().unchanged())), None);
        assert_eq!(event_of(&held.clone().begin_payment(at(70), ATTEMPT).unwrap()), None);
        assert_eq!(event_of(&held.register()), Some("Booked"));
    }
    assert_eq!(event_of(&booking(Status::Registered).keep_held(at(1), true)), None);
}

#[test]
fn a_hold_lasts_until_its_time_and_as_long_as_an_attempt_to_pay() {
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
fn hold_ends_when_the_screening_begins() {
    let held = booking_of_a_screening(Status::PaymentPending).keep_held(at(1), false).booking;
    assert_eq!(held.clone().expire(at(99)).booking.status(), Status::PaymentPending);
    assert_eq!(held.expire(at(100)).booking.status(), Status::Expired);
}

#[test]
fn booking_of_a_screening_that_has_begun_is_not_paid_by_a_new_attempt() {
    let held = booking_of_a_screening(Status::PaymentPending).keep_held(at(1), false).booking;
    assert!(held.clone().begin_payment(at(99), ATTEMPT).is_ok());
    assert_eq!(held.clone().begin_payment(at(100), ATTEMPT), Err(PayRefused::Started));
    // An attempt that was sent before the start settles.
    let paying = held.begin_payment(at(99), ATTEMPT).unwrap().booking;
    assert_eq!(paying.clone().begin_payment(at(101), ATTEMPT), Err(PayRefused::InProgress));
    assert_eq!(paying.register().booking.status(), Status::Registered);
}

#[test]
fn booking_of_a_screening_that_has_begun_is_not_canceled() {
    for status in [Status::Registered, Status::PaidComplete] {
        assert!(booking_of_a_screening(status).request_cancel(at(99)).is_ok());
        assert_eq!(booking_of_a_screening(status).request_cancel(at(100)), Err(CancelRefused::Started));
    }
    // A cancel that was asked for before the start goes on.
    for status in [Status::Canceling, Status::Canceled] {
        let repeated = booking_of_a_screening(status).request_cancel(at(100)).unwrap();
        assert_eq!(repeated.booking.status(), status);
    }
}

#[test]
fn one_attempt_to_pay_runs_at_a_time_and_a_crash_ends_it() {
    let opened = booking(Status::PaymentPending);
    assert_eq!(opened.clone().begin_payment(at(4), ATTEMPT), Err(PayRefused::InProgress));
    assert!(opened.clone().begin_payment(at(5), ATTEMPT).is_ok());
    let ended = opened.keep_held(at(1), true).booking;
    assert!(ended.begin_payment(at(1), ATTEMPT).is_ok());
    assert_eq!(booking(Status::Registered).begin_payment(at(9), ATTEMPT), Err(PayRefused::NotHeld));
}

#[test]
fn payment_is_asked_ever_more_seldom_what_became_of_an_attempt() {
    let mut held = booking(Status::PaymentPending).keep_held(at(0), true).booking;
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let pause = (1..).find(|pause| held.clone().look(at(now + pause)).is_some()).unwrap();
        pauses.push(pause);
        now += pause;
        held = held.look(at(now)).unwrap().booking;
    }
    assert_eq!(pauses, [2, 2, 4, 8, 16, 32, 64, 64]);
}

#[test]
fn attempt_that_may_be_paid_is_asked_about_whatever_later_attempts_meet() {
    let timed_out = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let broke_off = booking(Status::PaymentPending);
    for held in [timed_out, broke_off] {
        let again = held.begin_payment(at(10), ATTEMPT).unwrap().booking;
        let refused = again.keep_held(at(11), false).booking;
        let thrice = refused.begin_payment(at(20), ATTEMPT).unwrap().booking;
        let refused = thrice.keep_held(at(21), false).booking;
        assert!(refused.look(at(30)).is_some());
    }
}

/// Where the customer pays later, a look that is due stands for another attempt. Else it stands for a doubt, which the
/// version before has kept nowhere else.
#[test]
fn next_attempt_doubts_the_one_before_only_where_that_may_have_been_paid() {
    let begun_after = |paying_until: Option<i64>, look_at: Option<i64>, pay_later| {
        let mut booking = booking(Status::PaymentPending);
        let hold = &mut booking.row.hold;
        (hold.paying_until, hold.look_at) = (paying_until.map(at), look_at.map(at));
        hold.pay_later = pay_later;
        booking.begin_payment(at(10), ATTEMPT).unwrap().booking.row.hold.in_doubt
    };
    // The one before broke off.
    assert!(begun_after(Some(5), Some(5), false) && begun_after(Some(5), Some(5), true));
    // It ended, and was to be asked about.
    assert!(begun_after(None, Some(5), false));
    // It ended, and was only to be made again.
    assert!(!begun_after(None, Some(5), true));
    assert!(!begun_after(None, None, false) && !begun_after(None, None, true));
}

#[test]
fn every_attempt_to_pay_is_counted() {
    let mut paying = booking(Status::PaymentPending);
    for attempts in 1..4 {
        assert_eq!(paying.row.hold.attempts, attempts);
        let held = paying.keep_held(at(attempts), true).booking;
        paying = held.begin_payment(at(attempts), ATTEMPT).unwrap().booking;
    }
}

#[test]
fn look_at_the_end_of_a_hold_is_followed_by_a_pause() {
    let in_doubt = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let asked = in_doubt.look(at(600)).expect("a look is due").booking;
    assert_eq!(asked.row.hold.look_at, Some(at(602)));
}

#[test]
fn payment_is_asked_once_more_when_the_hold_ends() {
    let mut held = booking(Status::PaymentPending).keep_held(at(0), true).booking;
    let mut looks = Vec::new();
    for second in 1..=600 {
        if let Some(change) = held.clone().look(at(second)) {
            looks.push(second);
            held = change.booking;
        }
    }
    assert_eq!(looks.last(), Some(&600));
}

#[test]
fn of_an_attempt_that_reached_nobody_nothing_is_asked_but_it_may_be_made_again() {
    let kept = |pay_later| {
        let mut booking = booking(Status::PaymentPending);
        booking.row.hold.pay_later = pay_later;
        booking.keep_held(at(1), false).booking.look(at(100))
    };
    assert!(kept(false).is_none() && kept(true).is_some());
}

#[test]
fn repeated_cancel_asks_the_ticket_service_again_after_a_pause() {
    let canceling = booking(Status::Canceling);
    let soon = canceling.clone().request_cancel(at(2)).unwrap();
    assert_eq!((soon.booking.status(), event_of(&soon)), (Status::Canceling, None));
    let later = canceling.request_cancel(at(3)).unwrap();
    assert_eq!((later.booking.status(), event_of(&later)), (Status::Canceling, Some("CancelRequested")));
    let over = booking(Status::Canceled).request_cancel(at(3)).unwrap();
    assert_eq!(event_of(&over), None);
}

#[test]
fn a_cancel_ends_with_the_refund_and_is_told_of() {
    let asked = booking(Status::PaidComplete).request_cancel(at(1)).unwrap();
    assert_eq!(event_of(&asked), Some("CancelRequested"));
    let ended = asked.booking.refund();
    assert_eq!((ended.booking.status(), event_of(&ended)), (Status::Canceled, Some("Canceled")));
    assert!(ended.releases);
}

#[test]
fn a_rejected_cancel_goes_back_to_where_it_came_from() {
    let registered = booking(Status::Registered).request_cancel(at(1)).unwrap().booking;
    let paid_meanwhile = registered.clone().confirm_payment(Some(10_000)).booking;
    assert_eq!(registered.reject_cancel().booking.status(), Status::Registered);
    assert_eq!(paid_meanwhile.reject_cancel().booking.status(), Status::PaidComplete);
}

#[test]
fn a_collected_ticket_cannot_be_canceled() {
    let collected = booking(Status::Canceling).collect().booking;
    assert_eq!(collected.status(), Status::PrintComplete);
    assert_eq!(collected.request_cancel(at(1)), Err(CancelRefused::AlreadyCollected));
}

#[test]
fn a_refund_nobody_asked_for_cancels_the_booking_too() {
    let change = booking(Status::Registered).refund();
    assert_eq!((change.booking.status(), event_of(&change)), (Status::Canceling, Some("CancelRequested")));
}

proptest! {
    /// Whatever comes, in whatever order and however often: final states stay. `Held`, `Booked`, `Canceled` and `HoldExpired`
    /// are published at most once each, `Held` before all others, and `Canceled` never without a request. Money is refunded
    /// or pays for the booking, but not both. The places are released once, when the booking ends.
    #[test]
    fn no_order_of_words_breaks_a_booking(words in proptest::collection::vec(0..11_u8, 0..40)) {
        let mut booking = booking(Status::PaymentPending);
        let mut told = Vec::new();
        let mut released = 0;
        for (second, word) in words.into_iter().enumerate() {
            let before = booking.status();
            let now = at(590 + second as i64);
            let change = match word {
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
                9 => booking.clone().look(now).unwrap_or_else(|| booking.unchanged()),
                _ => booking.clone().begin_payment(now, ATTEMPT).unwrap_or_else(|_| booking.unchanged()),
            };
            told.extend(event_of(&change));
            released += i32::from(change.releases);
            booking = change.booking;
            if matches!(before, Status::PrintComplete | Status::Declined | Status::Expired | Status::Canceled) {
                prop_assert_eq!(booking.status(), before);
            }
            prop_assert_eq!(released, i32::from(!booking.is_live()));
        }
        let count = |name: &str| told.iter().filter(|event| **event == name).count();
        prop_assert!(count("Booked") <= 1);
        prop_assert!(count("Held") == usize::from(told.first() == Some(&"Held")));
        prop_assert!(count("Canceled") <= 1);
        prop_assert!(count("Booked") + count("HoldExpired") <= 1);
        prop_assert!(count("Canceled") == 0 || count("CancelRequested") > 0);
    }
}

#[test]
fn hold_does_not_expire_while_payment_is_asked_about_it() {
    let over = at(600);
    let in_doubt = booking(Status::PaymentPending).keep_held(at(1), true).booking;
    let asked = in_doubt.look(over).expect("a look is due").booking;
    assert_eq!(asked.clone().expire(over).booking.status(), Status::PaymentPending);
    let later = over + LOOK_TAKES;
    assert_eq!(asked.expire(later).booking.status(), Status::Expired);

    let never_paid = booking(Status::PaymentPending).keep_held(at(1), false).booking;
    assert_eq!(never_paid.expire(over).booking.status(), Status::Expired);
}
