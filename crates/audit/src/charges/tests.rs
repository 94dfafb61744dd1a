use proptest::prelude::*;

use super::*;
use crate::story::BookingRow;

const OURS: &str = "k3x9-booking-7";

fn movement(reference: &str, kind: &str, amount: i64) -> MovementRow {
    MovementRow {
        booking_id: 7,
        seq: 1,
        reference: reference.to_owned(),
        kind: kind.to_owned(),
        amount,
        currency: "KRW".to_owned(),
        created_at: Some(0),
    }
}

fn payment(status: &str, reference: Option<&str>) -> PaymentRow {
    PaymentRow {
        booking_id: 7,
        id: 1,
        total_price: 700,
        status: status.to_owned(),
        reference: reference.map(str::to_owned),
        created_at: Some(0),
        updated_at: Some(0),
    }
}

/// A story with a booking unless its status is empty, with this payment and these movements.
fn story(status: &str, payment: Option<PaymentRow>, movements: Vec<MovementRow>) -> Story {
    Story {
        booking: (!status.is_empty()).then(|| BookingRow::of_nobody(status)),
        payments: payment.into_iter().collect(),
        movements: Some(movements),
        ..Story::of(7)
    }
}

fn kinds(story: &Story) -> Vec<Kind> {
    let mut found = Found::default();
    violations(story, &mut found);
    found.0.into_iter().map(|violation| violation.kind).collect()
}

fn charge() -> MovementRow {
    movement(OURS, CHARGE, 700)
}

fn refund() -> MovementRow {
    movement(OURS, REFUND, 700)
}

#[test]
fn charge_that_matches_its_payment_or_booking_is_right() {
    let named = |status| Some(payment(status, Some(OURS)));
    for (status, payment, movements) in [
        ("PaidComplete", named("Paid"), vec![charge()]),
        ("Canceling", named("Canceling"), vec![charge()]),
        ("Canceling", named("Canceling"), vec![charge(), refund()]),
        ("Canceled", named("Canceled"), vec![charge(), refund()]),
        // Payment must refund this, by another rule.
        ("Expired", named("Paid"), vec![charge()]),
        // This booking may still be settled.
        ("PaymentPending", None, vec![charge()]),
        ("Expired", Some(payment("Voided", None)), vec![]),
        ("", None, vec![charge(), refund()]),
    ] {
        assert_eq!(kinds(&story(status, payment.clone(), movements)), [], "{status} {payment:?}");
    }
}

#[test]
fn payment_without_a_reference_needs_no_charge() {
    for status in ["Paid", "Canceling", "Canceled", "Voided"] {
        assert_eq!(kinds(&story("PaidComplete", Some(payment(status, None)), vec![])), [], "{status}");
    }
}

#[test]
fn unread_ledger_has_no_violations() {
    let unseen = Story { movements: None, ..story("", Some(payment("Paid", Some(OURS))), vec![]) };
    assert_eq!(kinds(&unseen), []);
}

#[test]
fn charge_without_a_payment_and_a_live_booking_is_orphaned() {
    for status in ["", "Declined", "Expired", "Canceled"] {
        assert_eq!(kinds(&story(status, None, vec![charge()])), [Kind::ChargeOrphaned], "{status}");
    }
}

#[test]
fn kept_charge_of_an_ended_payment_lacks_its_refund() {
    for payment in [payment("Canceled", Some(OURS)), payment("Canceled", None), payment("Voided", None)] {
        assert_eq!(kinds(&story("Canceled", Some(payment), vec![charge()])), [Kind::RefundMissing]);
    }
}

#[test]
fn refund_of_a_kept_payment_or_without_a_charge_is_unfounded() {
    let paid = Some(payment("Paid", Some(OURS)));
    assert_eq!(kinds(&story("PaidComplete", paid, vec![charge(), refund()])), [Kind::RefundUnfounded]);
    assert_eq!(kinds(&story("", None, vec![refund()])), [Kind::RefundUnfounded]);
    assert_eq!(kinds(&story("", None, vec![charge(), refund(), refund()])), [Kind::RefundUnfounded]);
}

#[test]
fn second_charge_is_found_under_one_reference_and_under_two() {
    let paid = || Some(payment("Paid", Some(OURS)));
    assert_eq!(kinds(&story("PaidComplete", paid(), vec![charge(), charge()])), [Kind::ChargeDoubled]);
    let other = movement("other-booking-7", CHARGE, 700);
    assert_eq!(kinds(&story("PaidComplete", paid(), vec![charge(), other])), [Kind::ChargeDoubled]);
    assert_eq!(kinds(&story("PaidComplete", paid(), vec![charge(), refund(), charge()])), []);
}

#[test]
fn payment_without_its_charge_is_found() {
    for status in ["Paid", "Canceled"] {
        let story = story("PaidComplete", Some(payment(status, Some(OURS))), vec![]);
        assert_eq!(kinds(&story), [Kind::ChargeMissing], "{status}");
    }
}

#[test]
fn amounts_are_compared_to_the_won() {
    let paid = || Some(payment("Paid", Some(OURS)));
    assert_eq!(kinds(&story("PaidComplete", paid(), vec![movement(OURS, CHARGE, 699)])), [Kind::AmountWrong]);
    let canceled = Some(payment("Canceled", Some(OURS)));
    let less = vec![charge(), movement(OURS, REFUND, 699)];
    assert_eq!(kinds(&story("Canceled", canceled, less)), [Kind::AmountWrong]);
    let dollars = MovementRow { currency: "USD".to_owned(), ..refund() };
    assert_eq!(kinds(&story("", None, vec![charge(), dollars])), [Kind::AmountWrong]);
}

#[test]
fn movement_of_an_unknown_kind_is_unreadable() {
    assert_eq!(kinds(&story("", None, vec![movement(OURS, "gift", 1)])), [Kind::RowUnreadable]);
}

proptest! {
    /// Whatever the rows contain: if a story is right, a charge is kept if and only if a payment or a booking
    /// is.
    #[test]
    fn right_story_keeps_a_charge_for_what_it_keeps(
        status in prop_oneof![Just(""), Just("PaidComplete"), Just("PaymentPending"), Just("Canceled"), Just("Expired")],
        payment_status in prop_oneof![Just(None), Just(Some("Paid")), Just(Some("Canceled")), Just(Some("Voided"))],
        movements in proptest::collection::vec(prop_oneof![Just(charge()), Just(refund())], 0..4),
    ) {
        let payment = payment_status.map(|status| {
            payment(status, (status != "Voided").then_some(OURS))
        });
        let story = story(status, payment, movements.clone());
        if kinds(&story).is_empty() {
            let balance: i64 =
                movements.iter().map(|row| if row.kind == CHARGE { row.amount } else { -row.amount }).sum();
            prop_assert!(balance == 0 || balance == 700, "{balance}");
            match payment_status {
                Some("Paid") => prop_assert_eq!(balance, 700),
                Some(_) => prop_assert_eq!(balance, 0),
                None if !["PaidComplete", "PaymentPending"].contains(&status) => prop_assert_eq!(balance, 0),
                None => {}
            }
        }
    }
}
