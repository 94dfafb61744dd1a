//! Canceling: the money goes back once, and what was given up is never paid, in whatever order the words come.

use events::Event;
use serde_json::json;
use test_kit::fleet;

use crate::app::{App, demand, hold_expired, ticket_canceled};
use crate::provider::{Fate, Hold, Provider};

#[tokio::test]
async fn a_cancellation_gives_the_money_back_once() {
    let app = App::new().await;
    app.pay(5).await;
    let first = app.cancel(5).await;
    assert_eq!((first.status.as_u16(), &first.body["status"]), (200, &json!("Canceled")));
    let again = app.cancel(5).await;
    assert_eq!((again.status.as_u16(), again.body), (200, first.body));
    let told = fleet::outbox(&app.scratch.db).await;
    let Event::PaymentCanceled(canceled) = &told[1] else {
        panic!("PaymentCanceled follows");
    };
    assert_eq!((canceled.id.get(), canceled.booking_id.get()), (1, 5));
    assert_eq!(canceled.status.as_deref(), Some("Canceled"));
    assert_eq!(told.len(), 2);
    app.settled().await;
}

#[tokio::test]
async fn a_cancellation_before_the_payment_leaves_a_tombstone_that_refuses_it() {
    let app = App::new().await;
    let answer = app.client.post("/cancellations", json!({"bookingId": "5"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("Voided")));
    assert_eq!(answer.header("location"), "http://cinema/payments/1");
    assert_eq!(app.cancel(5).await.status, 200);

    let late = app.pay(5).await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "booking-voided"));
    assert_eq!(app.status(5).await, "Voided");
    assert_eq!(app.told().await, ["PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn a_refunded_booking_is_not_paid_again_at_any_price() {
    let app = App::new().await;
    app.pay(1).await;
    app.cancel(1).await;
    for price in [10_000, 1] {
        let answer = app.client.post("/payments", demand(1, price)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    }
    assert_eq!(app.told().await, ["Paid", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn a_void_ticket_gives_the_money_back() {
    let app = App::new().await;
    app.pay(1).await;
    app.deliver(ticket_canceled(1)).await;
    assert_eq!(app.status(1).await, "Canceling");
    app.refund().await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid", "PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn a_void_ticket_is_answered_whatever_came_before() {
    let app = App::new().await;
    app.pay(1).await;
    app.cancel(1).await;
    app.deliver(ticket_canceled(1)).await;
    assert_eq!(app.told().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);

    app.cancel(2).await;
    app.deliver(ticket_canceled(2)).await;
    assert_eq!(app.status(2).await, "Voided");
    assert_eq!(app.told().await[3..], ["PaymentCanceled", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn a_void_ticket_before_any_payment_refuses_the_late_one() {
    let app = App::new().await;
    app.deliver(ticket_canceled(5)).await;
    for status in ["Canceling", "Voided"] {
        assert_eq!(app.status(5).await, status);
        app.refund().await;
    }
    let late = app.pay(5).await;
    assert_eq!((late.status.as_u16(), late.problem()), (409, "booking-voided"));
    assert_eq!(app.told().await, ["PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn an_expired_hold_gives_the_money_back_or_keeps_it_from_coming() {
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
    assert_eq!(app.told().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn canceled_hold_shows_the_price_that_was_charged_and_goes_back() {
    let app = App::new().await;
    // The hold ends while the charge is on its way; the provider has made it, and its answer comes later.
    app.provider.next([Fate::ParkedAfter]);
    let canceled = async {
        app.provider.holds_one().await;
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
    assert_eq!(app.provider.moved(1), (1, 1));
    app.settled().await;
}

#[tokio::test]
async fn a_redelivered_event_is_not_applied_again() {
    let app = App::new().await;
    app.pay(1).await;
    let record = fleet::record(&ticket_canceled(1).into());
    for _ in 0..2 {
        let batch = [record.clone(), record.clone()];
        app.consumer.apply_together(&batch).await.unwrap();
        app.refund().await;
    }
    assert_eq!(app.told().await, ["Paid", "PaymentCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn charge_that_comes_after_the_cancel_is_refused_by_the_provider() {
    let app = App::new().await;
    app.provider.hold(Hold::Before);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", demand(1, 10_000)).await });
    app.provider.holds_one().await;
    app.deliver(hold_expired(1)).await;
    app.refund().await;
    assert_eq!(app.status(1).await, "Voided");
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["PaymentCanceled"], (0, 0)));
    app.settled().await;
}

#[tokio::test]
async fn charge_that_the_cancel_overtakes_goes_back() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", demand(1, 10_000)).await });
    app.provider.holds_one().await;
    assert!(app.provider.account(1).stands());
    app.deliver(hold_expired(1)).await;
    app.refund().await;
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-voided"));
    let found = app.client.get("/payments/1").await.body;
    assert_eq!((&found["status"], &found["totalPrice"]), (&json!("Canceled"), &json!(10_000)));
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn paying_and_canceling_at_once_always_ends_without_the_money() {
    let app = App::beside(Provider::taking(std::time::Duration::from_millis(1)).await).await;
    for booking in 1..=20 {
        let (paid, canceled) = tokio::join!(app.pay(booking), app.cancel(booking));
        let was_paid = paid.status == 201;
        assert!(was_paid || paid.problem() == "booking-voided");
        assert_eq!(canceled.status, if was_paid { 200 } else { 201 });
        assert!(!app.provider.account(booking).stands());
        let was_charged = app.provider.moved(booking) == (1, 1);
        let end = if was_charged { "Canceled" } else { "Voided" };
        assert_eq!(app.status(booking).await, end);
    }
    app.settled().await;
}
