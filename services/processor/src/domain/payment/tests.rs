use proptest::prelude::*;

use super::*;
use crate::domain::{Amount, Charge};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn money(amount: i64) -> Money {
    Charge::parse("order-1", Some(amount), Some("KRW"), None).unwrap().money
}

fn pending() -> Payment {
    Payment::pending("order-1".parse().unwrap(), money(100))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pay,
    Decline,
    Cancel,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Step::Pay), Just(Step::Decline), Just(Step::Cancel)];
    proptest::collection::vec(step, 0..12)
}

proptest! {
    #[test]
    fn there_is_at_most_one_charge_and_none_after_a_cancel(steps in steps(), begins_with_cancel: bool) {
        let mut payment = if begins_with_cancel {
            Payment::tombstone("order-1".parse().unwrap())
        } else {
            pending()
        };
        let (mut balance, mut canceled) = (0, begins_with_cancel);
        for step in steps {
            let change = match step {
                Step::Pay => payment.decide(Verdict::Pay, NOW),
                Step::Decline => payment.decide(Verdict::Decline(DeclineReason::Declined), NOW),
                Step::Cancel => payment.cancel(NOW),
            };
            canceled |= matches!(step, Step::Cancel);
            balance += match change.moved {
                Some((Kind::Charge, money)) => money.amount.get(),
                Some((Kind::Refund, money)) => -money.amount.get(),
                None => 0,
            };
            payment = change.payment;
            let is_charged = payment.row().status == Status::Succeeded;
            prop_assert_eq!(balance, if is_charged { 100 } else { 0 });
            prop_assert_eq!(payment.row().status == Status::Canceled, canceled);
        }
    }
}

#[test]
fn declined_payment_can_be_paid_later() {
    let declined = pending().decide(Verdict::Decline(DeclineReason::InsufficientFunds), NOW).payment;
    assert_eq!(declined.row().decline_reason, Some(DeclineReason::InsufficientFunds));
    let paid = declined.decide(Verdict::Pay, NOW);
    assert_eq!(paid.moved, Some((Kind::Charge, money(100))));
    assert_eq!((paid.payment.row().status, paid.payment.row().decline_reason), (Status::Succeeded, None));
}

#[test]
fn reference_accepts_only_its_first_amount_until_it_is_canceled() {
    let other = money(101);
    let declined = pending().decide(Verdict::Decline(DeclineReason::Declined), NOW).payment;
    let paid = pending().decide(Verdict::Pay, NOW).payment;
    for payment in [pending(), declined, paid.clone()] {
        assert_eq!(payment.accept(money(100)), Ok(()));
        assert_eq!(payment.accept(other), Err(AmountConflict));
        let dollars = Money { currency: "USD".parse().unwrap(), ..money(100) };
        assert_eq!(payment.accept(dollars), Err(AmountConflict));
    }
    assert_eq!(paid.cancel(NOW).payment.accept(other), Ok(()));
}

#[test]
fn free_payment_is_in_the_ledger() {
    let free = Payment::pending("order-1".parse().unwrap(), money(0));
    let change = free.decide(Verdict::Pay, NOW);
    let (kind, moved) = change.moved.unwrap();
    assert_eq!((kind, moved.amount), (Kind::Charge, Amount::parse(0).unwrap()));
}
