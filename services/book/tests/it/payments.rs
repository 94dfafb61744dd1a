//! Book's client of the payment service.

use std::time::Duration;

use book::clients::{FoundPayment, PaymentStatus, Payments};
use events::BookingId;
use http::StatusCode;
use serde_json::json;
use test_kit::FakeUpstream;
use upstream::Settings;

fn beside(payment: &FakeUpstream) -> Payments {
    Payments::new(Settings::new(payment.url.parse().unwrap(), Duration::from_secs(10)))
}

#[tokio::test]
async fn inquiry_returns_the_payment_or_none() {
    let booking = BookingId::new(5).unwrap();
    let link = json!({"href": "http://payment/payments/1"});
    for (status, found) in [
        ("Paid", PaymentStatus::Paid),
        ("Canceling", PaymentStatus::Canceling),
        ("Canceled", PaymentStatus::Canceled),
        ("Voided", PaymentStatus::Voided),
    ] {
        let one =
            json!({"id": 1, "bookingId": 5, "totalPrice": 10000, "status": status, "_links": {"self": link}});
        let payment = FakeUpstream::answers(200, json!({"_embedded": {"payments": [one]}})).await;
        let expected = FoundPayment { status: found, total_price: 10_000 };
        assert_eq!(beside(&payment).inquire(booking).await.unwrap(), Some(expected));
    }
    let none = FakeUpstream::answers(200, json!({"_embedded": {"payments": []}})).await;
    assert_eq!(beside(&none).inquire(booking).await.unwrap(), None);
}

#[tokio::test]
async fn search_replaces_an_inquiry_that_payment_does_not_support() {
    let booking = BookingId::new(5).unwrap();
    for status in [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED] {
        let payment = FakeUpstream::routes(move |method, _| match method {
            "GET" => {
                (StatusCode::OK, json!({"_embedded": {"payments": [{"totalPrice": 7, "status": "Paid"}]}}))
            }
            _ => (status, json!({})),
        });
        let found = beside(&payment.await).inquire(booking).await.unwrap();
        assert_eq!(found, Some(FoundPayment { status: PaymentStatus::Paid, total_price: 7 }));
    }
}

#[tokio::test]
async fn failed_search_is_an_error() {
    let booking = BookingId::new(5).unwrap();
    for payment in [
        FakeUpstream::answers(200, json!({})).await,
        FakeUpstream::answers(404, json!({})).await,
        FakeUpstream::refuses(),
    ] {
        assert!(beside(&payment).inquire(booking).await.is_err());
    }
}
