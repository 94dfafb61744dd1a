//! Inquiries about payments without an outcome.

use serde_json::json;

use crate::app::{App, payment_request};
use crate::provider::{Fate, Provider};

#[tokio::test]
async fn inquiry_records_a_charge_without_a_record_and_publishes_it_once() {
    let app = App::new().await;
    app.provider.next([Fate::LostAfter]);
    assert_eq!(app.pay(1).await.status, 504);
    let found = app.inquire(1).await;
    assert_eq!(found.status, 200);
    let payment = &found.body["_embedded"]["payments"][0];
    assert_eq!((&payment["status"], &payment["totalPrice"]), (&json!("Paid"), &json!(10_000)));
    assert_eq!(app.inquire(1).await.body, found.body);
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn inquiry_without_a_charge_finds_and_records_nothing() {
    let app = App::with_provider(Provider::declining_over(10).await).await;
    assert_eq!(app.client.post("/payments", payment_request(2, 11)).await.status, 402);
    for booking in [1, 2] {
        let found = app.inquire(booking).await;
        assert_eq!((found.status.as_u16(), &found.body["_embedded"]["payments"]), (200, &json!([])));
    }
    assert_eq!(app.total().await, 0, "a charge may still arrive");
    app.settled().await;
}

#[tokio::test]
async fn inquiry_records_a_reference_canceled_at_the_provider() {
    let app = App::new().await;
    for (booking, status) in [(1, "Voided"), (2, "Canceled")] {
        if status == "Canceled" {
            app.provider.next([Fate::LostAfter]);
            assert_eq!(app.pay(booking).await.status, 504);
        }
        let reference = app.state.processor.reference(events::BookingId::new(booking).unwrap());
        app.state.processor.cancel(&reference).await.unwrap();
        assert_eq!(app.inquire(booking).await.body["_embedded"]["payments"][0]["status"], status);
        assert_eq!(app.pay(booking).await.problem(), "booking-voided");
    }
    assert_eq!(app.published().await, ["PaymentCanceled"; 2]);
    app.settled().await;
}

#[tokio::test]
async fn provider_that_does_not_answer_leaves_the_inquiry_open() {
    let app = App::new().await;
    app.provider.set_unreachable(true);
    let answer = app.inquire(1).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (504, "outcome-unknown"));
    app.settled().await;
}

#[tokio::test]
async fn reading_payments_never_asks_the_provider() {
    let app = App::new().await;
    for path in
        ["/payments", "/payments/1", "/payments/search/findByBookingId?bookingId=1", "/payments/inquiries"]
    {
        app.client.get(path).await;
    }
    app.pay(1).await;
    app.inquire(1).await;
    assert_eq!(app.provider.requests(), 1, "the charge alone");
    let wrong = app.client.post("/payments/inquiries", json!({})).await;
    assert_eq!((wrong.status.as_u16(), wrong.pointers()), (422, vec!["/bookingId"]));
    app.settled().await;
}
