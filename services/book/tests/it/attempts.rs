//! What happens when an attempt to pay returns: limits on held bookings, a database that refuses, and whether
//! the reconciler is woken.

use std::sync::Arc;

use book::app::Rules;
use serde_json::{Value, json};
use test_kit::{Answer, FakeUpstream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::app::{App, RULES, paid, soul};
use crate::holding::payment_that_has;

/// No booking is held.
const FULL: Rules = Rules { max_held: 0, ..RULES };

/// A request to book whose attempt to pay is running.
struct Attempt {
    answer: JoinHandle<Answer>,
    may_return: Arc<Semaphore>,
}

impl Attempt {
    /// Begins an attempt in which payment does not reach its provider in the end. No booking may be held.
    async fn begin() -> (App, Self) {
        Self::begin_with(503, json!({"type": "/problems/payment-unavailable"}), FULL).await
    }

    /// Begins an attempt to which payment responds with `status` and `body` in the end.
    async fn begin_with(status: u16, body: Value, rules: Rules) -> (App, Self) {
        let (arrived, may_return) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (arrives, waits) = (arrived.clone(), may_return.clone());
        let payment = FakeUpstream::does_and_asks_to_wait(move || {
            let (arrives, waits, body) = (arrives.clone(), waits.clone(), body.clone());
            async move {
                arrives.add_permits(1);
                waits.acquire().await.unwrap().forget();
                (status, body)
            }
        });
        let app = App::with_rules(payment.await, rules).await;
        let client = app.client.clone();
        let answer = tokio::spawn(async move { client.post("/books", soul()).await });
        arrived.acquire().await.unwrap().forget();
        (app, Self { answer, may_return })
    }

    /// Lets the attempt return, and the request with it.
    async fn returns(self) -> Answer {
        self.may_return.add_permits(1);
        self.answer.await.unwrap()
    }
}

#[tokio::test]
async fn booking_that_paid_settles_during_an_attempt_is_kept_beyond_the_limit() {
    let (app, attempt) = Attempt::begin().await;
    app.deliver(paid(1, 10_000)).await;
    let answer = attempt.returns().await;
    assert_eq!((answer.status.as_u16(), &answer.body["id"]), (201, &json!(1)), "{}", answer.body);
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("PaidComplete", vec!["Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn booking_canceled_during_an_attempt_is_not_deleted() {
    let (app, attempt) = Attempt::begin().await;
    assert_eq!(app.client.delete("/books/1").await.status, 204);
    let answer = attempt.returns().await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-canceled"));
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("Canceled", vec!["HoldExpired"]));
    app.settled().await;
}

/// `paying_until` is later than an attempt and its settlement take. If one takes longer all the same, its
/// charge is refunded.
#[tokio::test]
async fn settlement_after_paying_until_finds_the_expired_booking_whose_charge_is_refunded() {
    let (app, attempt) = Attempt::begin_with(201, json!({}), RULES).await;
    let reconciler = app.reconciler_calling(payment_that_has(json!([])).await);
    app.expire_holds_in_doubt(&reconciler).await;
    let expired = ("Expired", vec!["Held", "HoldExpired"]);
    assert_eq!((app.status(1).await.as_str(), app.published().await), expired);
    let answer = attempt.returns().await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "hold-expired"));
    app.deliver(paid(1, 10_000)).await;
    assert_eq!((app.status(1).await.as_str(), app.published().await), expired);
    app.settled().await;
}

/// A replica of an earlier version counts its attempt, but does not publish `Held`.
#[tokio::test]
async fn booking_that_an_earlier_version_pays_during_an_attempt_is_kept_beyond_the_limit() {
    let (app, attempt) = Attempt::begin().await;
    app.execute("UPDATE bookings SET attempts = 2").await;
    assert_eq!(attempt.returns().await.status, 202);
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("PaymentPending", vec!["Held"]));
    app.settled().await;
}

#[tokio::test]
async fn limits_count_held_bookings_and_ignore_second_attempts() {
    let rules = Rules { max_held: 2, max_held_per_customer: 1, ..RULES };
    let app = App::with_rules(FakeUpstream::refuses(), rules).await;
    let order = |customer: i64| json!({"qty": 1, "customerId": customer});
    for customer in [1, 2] {
        assert_eq!(app.client.post("/books", order(customer)).await.status, 202);
    }
    let answer = app.client.post("/books", order(3)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
    // Both limits are reached, by these two bookings.
    for id in [1, 2] {
        let again = app.client.post(&format!("/books/{id}/payment"), json!({})).await;
        assert_eq!((again.status.as_u16(), app.status(id).await.as_str()), (202, "PaymentPending"));
    }
    app.settled().await;
}

/// 202 is only for a failure that a repeated request may overcome.
#[tokio::test]
async fn settlement_that_fails_for_good_is_500_until_repaired_and_then_settled_by_paid() {
    let app = App::new().await;
    app.book().await;
    app.execute("CREATE UNIQUE INDEX one_of_a_kind ON outbox (type)").await;
    let other = json!({"movieName": "soul", "seat": "2A", "totalPrice": 7000});
    let answer = app.client.post("/books", other).await;
    assert_eq!((answer.status.as_u16(), app.status(2).await.as_str()), (500, "PaymentPending"));
    assert_eq!(app.published().await, ["Booked"]);
    app.execute("DROP INDEX one_of_a_kind").await;
    app.deliver(paid(2, 7_000)).await;
    assert_eq!(
        (app.status(2).await.as_str(), app.published().await),
        ("PaidComplete", vec!["Booked", "Booked"])
    );
    app.settled().await;
}

/// The table returns: the booking and its payment are kept.
#[tokio::test]
async fn settlement_that_fails_for_a_while_is_202() {
    let app = App::new().await;
    app.execute("ALTER TABLE outbox RENAME TO outbox_renamed").await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("PaymentPending")));
    app.execute("ALTER TABLE outbox_renamed RENAME TO outbox").await;
    app.deliver(paid(1, 10_000)).await;
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("PaidComplete", vec!["Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn reconciler_is_woken_only_by_bookings_left_pending() {
    for (payment, wakes) in [
        (FakeUpstream::answers(201, json!({})).await, false),
        (FakeUpstream::answers(402, json!({})).await, false),
        (FakeUpstream::answers(500, json!({})).await, true),
        (FakeUpstream::refuses(), true),
    ] {
        let app = App::beside(payment).await;
        let answer = app.client.post("/books", soul()).await;
        assert_eq!(app.has_woken_the_reconciler().await, wakes, "{}", answer.status);
        app.settled().await;
    }
    let full = App::with_rules(FakeUpstream::refuses(), FULL).await;
    assert_eq!(full.client.post("/books", soul()).await.status, 503);
    assert!(!full.has_woken_the_reconciler().await, "nothing was kept");
    full.settled().await;
}
