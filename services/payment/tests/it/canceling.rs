//! Cancels: the money is refunded once, and a canceled booking is never charged, in any order of requests and
//! events.

use events::Event;
use serde_json::json;
use test_kit::fleet;

use crate::app::{App, hold_expired, payment_request, ticket_canceled};
use crate::provider::{Fate, Hold, Provider};

#[tokio::test]
async fn cancel_refunds_the_money_once() {
    let app = App::new().await;
    app.pay(5).await;
    let first = app.cancel(5).await;
    assert_eq!((first.status.as_u16(), &first.body["status"]), (200, &json!("Canceled")));
    let again = app.cancel(5).await;
    assert_eq!((again.status.as_u16(), again.body), (200, first.body));
    let published = fleet::outbox(&app.scratch.db).await;
    let Event::PaymentCanceled(canceled) = &published[1] else {
        panic!("the second event is not PaymentCanceled");
    };
    assert_eq!((canceled.id.get(), canceled.booking_id.get()), (1, 5));
    assert_eq!(canceled.status.as_deref(), Some("Canceled"));
    assert_eq!(published.len(), 2);
    app.settled().await;
}

#[tokio::test]
async fn cancel_before_the_payment_leaves_a_tombstone_that_rejects_it() {
    let app = App::new().await;
    let answer = app.client.post("/cancellations", json!({"bookingId": "5"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("Voided")));
    assert_eq!(answer.header("location"), "http://cinema/payments/1");
    assert_eq!(app.cancel(5).await.status, 200);

    let late = app.pay(5).await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "booking-voided"));
    assert_eq!(app.status(5).await, "Voided");
    assert_eq!(app.published().await, ["PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn refunded_booking_cannot_be_paid_again_at_any_price() {
    let app = App::new().await;
    app.pay(1).await;
    app.cancel(1).await;
    for price in [10_000, 1] {
        let answer = app.client.post("/payments", payment_request(1, price)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    }
    assert_eq!(app.published().await, ["Paid", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn void_ticket_refunds_the_money() {
    let app = App::new().await;
    app.pay(1).await;
    app.deliver(ticket_canceled(1)).await;
    assert_eq!(app.status(1).await, "Canceling");
    app.refund().await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid", "PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn void_ticket_repeats_the_event_of_an_ended_payment() {
    let app = App::new().await;
    app.pay(1).await;
    app.cancel(1).await;
    app.deliver(ticket_canceled(1)).await;
    assert_eq!(app.published().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);

    app.cancel(2).await;
    app.deliver(ticket_canceled(2)).await;
    assert_eq!(app.status(2).await, "Voided");
    assert_eq!(app.published().await[3..], ["PaymentCanceled", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn void_ticket_before_the_payment_rejects_it() {
    let app = App::new().await;
    app.deliver(ticket_canceled(5)).await;
    for status in ["Canceling", "Voided"] {
        assert_eq!(app.status(5).await, status);
        app.refund().await;
    }
    let late = app.pay(5).await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "booking-voided"));
    assert_eq!(app.published().await, ["PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn expired_hold_refunds_a_payment_or_rejects_a_late_one() {
    let app = App::new().await;
    app.pay(1).await;
    for booking in [1, 2] {
        app.deliver(hold_expired(booking)).await;
        app.deliver(hold_expired(booking)).await;
    }
    assert_eq!(app.pay(2).await.problem(), "booking-voided");
    app.refund().await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!(app.status(2).await, "Voided");
    assert_eq!(app.pay(2).await.problem(), "booking-voided");
    assert_eq!(app.published().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn canceled_payment_shows_the_price_that_is_refunded() {
    let app = App::new().await;
    // The hold ends after the provider has charged, and before its response arrives.
    app.provider.next([Fate::ParkedAfter]);
    let canceled = async {
        app.provider.until_held().await;
        app.deliver(hold_expired(1)).await;
        app.provider.unpark(true);
    };
    let (paid, ()) = tokio::join!(app.pay(1), canceled);
    assert_eq!(paid.problem(), "booking-voided");
    for status in ["Canceling", "Canceled"] {
        let payment = app.client.get("/payments/1").await.body;
        assert_eq!((&payment["status"], &payment["totalPrice"]), (&json!(status), &json!(10_000)));
        app.refund().await;
    }
    assert_eq!(app.provider.movements(1), (1, 1));
    app.settled().await;
}

#[tokio::test]
async fn redelivered_event_is_applied_once() {
    let app = App::new().await;
    app.pay(1).await;
    let record = fleet::record(&ticket_canceled(1).into());
    for _ in 0..2 {
        let batch = [record.clone(), record.clone()];
        app.consumer.apply_together(&batch).await.unwrap();
        app.refund().await;
    }
    assert_eq!(app.published().await, ["Paid", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn provider_rejects_a_charge_that_arrives_after_the_cancel() {
    let app = App::new().await;
    app.provider.hold(Hold::Before);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", payment_request(1, 10_000)).await });
    app.provider.until_held().await;
    app.deliver(hold_expired(1)).await;
    app.refund().await;
    assert_eq!(app.status(1).await, "Voided");
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["PaymentCanceled"], (0, 0)));
    app.settled().await;
}

#[tokio::test]
async fn charge_that_a_cancel_overtakes_is_refunded() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", payment_request(1, 10_000)).await });
    app.provider.until_held().await;
    assert!(app.provider.account(1).is_charged());
    app.deliver(hold_expired(1)).await;
    app.refund().await;
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    let found = app.client.get("/payments/1").await.body;
    assert_eq!((&found["status"], &found["totalPrice"]), (&json!("Canceled"), &json!(10_000)));
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn concurrent_payment_and_cancel_end_without_a_charge() {
    let app = App::with_provider(Provider::with_latency(std::time::Duration::from_millis(1)).await).await;
    for booking in 1..=20 {
        let (paid, canceled) = tokio::join!(app.pay(booking), app.cancel(booking));
        let was_paid = paid.status == 201;
        assert!(was_paid || paid.problem() == "booking-voided");
        assert_eq!(canceled.status, if was_paid { 200 } else { 201 });
        assert!(!app.provider.account(booking).is_charged());
        let was_charged = app.provider.movements(booking) == (1, 1);
        let end = if was_charged { "Canceled" } else { "Voided" };
        assert_eq!(app.status(booking).await, end);
    }
    app.settled().await;
}
