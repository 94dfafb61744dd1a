//! What happens when an attempt to pay returns: limits on held bookings, a database that refuses, and whether the reconciler is
//! woken.

use std::sync::Arc;

use book::app::Rules;
use serde_json::json;
use test_kit::{Answer, FakeUpstream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::app::{App, RULES, paid, soul};

/// Nothing that is not paid at once is kept.
const FULL: Rules = Rules { max_held: 0, ..RULES };

/// A request to book whose attempt to pay is running. Its payment service does not reach the provider in the end.
struct Attempt {
    answer: JoinHandle<Answer>,
    goes_on: Arc<Semaphore>,
}

impl Attempt {
    async fn begin() -> (App, Self) {
        let (arrived, goes_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (arrives, waits) = (arrived.clone(), goes_on.clone());
        let payment = FakeUpstream::does_and_asks_to_wait(move || {
            let (arrives, waits) = (arrives.clone(), waits.clone());
            async move {
                arrives.add_permits(1);
                waits.acquire().await.unwrap().forget();
                (503, json!({"type": "/problems/payment-unavailable"}))
            }
        });
        let app = App::with_rules(payment.await, FULL).await;
        let client = app.client.clone();
        let answer = tokio::spawn(async move { client.post("/books", soul()).await });
        arrived.acquire().await.unwrap().forget();
        (app, Self { answer, goes_on })
    }

    /// Lets the attempt return, and the request with it.
    async fn returns(self) -> Answer {
        self.goes_on.add_permits(1);
        self.answer.await.unwrap()
    }
}

#[tokio::test]
async fn booking_that_paid_has_settled_meanwhile_is_kept_whatever_the_cap() {
    let (app, attempt) = Attempt::begin().await;
    app.deliver(paid(1, 10_000)).await;
    let answer = attempt.returns().await;
    assert_eq!((answer.status.as_u16(), &answer.body["id"]), (201, &json!(1)), "{}", answer.body);
    assert_eq!((app.status(1).await.as_str(), app.told().await), ("PaidComplete", vec!["Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn booking_that_its_customer_has_given_up_meanwhile_is_not_forgotten() {
    let (app, attempt) = Attempt::begin().await;
    assert_eq!(app.client.delete("/books/1").await.status, 204);
    let answer = attempt.returns().await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-canceled"));
    assert_eq!((app.status(1).await.as_str(), app.told().await), ("Canceled", vec!["HoldExpired"]));
    app.settled().await;
}

/// Such a replica counts its attempt, and publishes no `Held`.
#[tokio::test]
async fn booking_that_a_replica_of_the_version_before_pays_meanwhile_is_kept_whatever_the_cap() {
    let (app, attempt) = Attempt::begin().await;
    app.execute("UPDATE bookings SET attempts = 2").await;
    assert_eq!(attempt.returns().await.status, 202);
    assert_eq!((app.status(1).await.as_str(), app.told().await), ("PaymentPending", vec!["Held"]));
    app.settled().await;
}

#[tokio::test]
async fn cap_counts_what_is_held_and_a_second_attempt_is_not_measured_by_it() {
    let rules = Rules { max_held: 2, max_held_per_customer: 1, ..RULES };
    let app = App::with_rules(FakeUpstream::refuses(), rules).await;
    let order = |customer: i64| json!({"qty": 1, "customerId": customer});
    for customer in [1, 2] {
        assert_eq!(app.client.post("/books", order(customer)).await.status, 202);
    }
    let answer = app.client.post("/books", order(3)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
    // Both limits are reached, by these two themselves.
    for id in [1, 2] {
        let again = app.client.post(&format!("/books/{id}/payment"), json!({})).await;
        assert_eq!((again.status.as_u16(), app.status(id).await.as_str()), (202, "PaymentPending"));
    }
    app.settled().await;
}

/// 202 is for what a repetition can mend.
#[tokio::test]
async fn settlement_that_no_repetition_mends_is_500_and_paid_settles_it_once_it_is_mended() {
    let app = App::new().await;
    app.book().await;
    app.execute("CREATE UNIQUE INDEX one_of_a_kind ON outbox (type)").await;
    let other = json!({"movieName": "soul", "seat": "2A", "totalPrice": 7000});
    let answer = app.client.post("/books", other).await;
    assert_eq!((answer.status.as_u16(), app.status(2).await.as_str()), (500, "PaymentPending"));
    assert_eq!(app.told().await, ["Booked"]);
    app.execute("DROP INDEX one_of_a_kind").await;
    app.deliver(paid(2, 7_000)).await;
    assert_eq!((app.status(2).await.as_str(), app.told().await), ("PaidComplete", vec!["Booked", "Booked"]));
    app.settled().await;
}

/// A table that is away comes back: the booking stays, and so does what it was paid.
#[tokio::test]
async fn settlement_that_a_repetition_mends_is_202() {
    let app = App::new().await;
    app.execute("ALTER TABLE outbox RENAME TO outbox_away").await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("PaymentPending")));
    app.execute("ALTER TABLE outbox_away RENAME TO outbox").await;
    app.deliver(paid(1, 10_000)).await;
    assert_eq!((app.status(1).await.as_str(), app.told().await), ("PaidComplete", vec!["Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn reconciler_is_woken_by_what_stays_pending_and_by_nothing_else() {
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
