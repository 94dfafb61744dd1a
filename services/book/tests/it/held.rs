//! The events of a booking that stays unpaid after its first attempt, and the screening in them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use book::app::{Outcome, Rules, settle_booking};
use book::domain::PaymentAnswer;
use book::store::bookings;
use events::{BookingId, Event, Held};
use http::StatusCode;
use serde_json::{Value, json};
use test_kit::{FakeUpstream, fleet};

use crate::app::{App, RULES, in_days, paid, recovering_payment, small_hall, soul};

/// A payment service without payments that fails every request to pay.
async fn broken_payment() -> FakeUpstream {
    declining_payment().await.0
}

/// The same, which declines every payment once the flag is set.
async fn declining_payment() -> (FakeUpstream, Arc<AtomicBool>) {
    let decides = Arc::new(AtomicBool::new(false));
    let state = decides.clone();
    let payment = FakeUpstream::routes(move |method, _| match method {
        "GET" => (StatusCode::OK, json!({"_embedded": {"payments": []}})),
        _ if state.load(Ordering::SeqCst) => (StatusCode::PAYMENT_REQUIRED, json!({})),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, json!({})),
    });
    (payment.await, decides)
}

pub fn seat(seat: &str) -> Value {
    json!({"screeningId": 1, "seat": seat, "customerId": 33})
}

/// The first event, which must be `Held`.
async fn held(app: &App) -> Held {
    match fleet::outbox(&app.scratch.db).await.remove(0) {
        Event::Held(held) => held,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn held_booking_is_published_with_its_screening_and_its_end() {
    let app = App::beside(FakeUpstream::refuses()).await;
    app.announce(small_hall()).await;
    let answer = app.client.post("/books", seat("1A")).await;
    assert_eq!(answer.status, 202);
    let held = held(&app).await;
    assert_eq!((held.id.get(), held.customer_id.map(events::CustomerId::get)), (1, Some(33)));
    assert_eq!((held.movie_name.as_deref(), held.seat.as_deref()), (Some("soul"), Some("1A")));
    assert_eq!((held.qty, held.total_price), (Some(1), Some(12_000)));
    assert_eq!(answer.body["heldUntil"], held.held_until.unwrap().to_string());
    assert_eq!(held.screening, the_screening());
    app.settled().await;
}

/// The screening of [`small_hall`].
pub fn the_screening() -> events::Screening {
    events::Screening {
        screening_id: events::ScreeningId::new(1).ok(),
        theatre: Some("Hall 1".to_owned()),
        hall: Some("Hall 1".to_owned()),
        starts_at: in_days(7, "19:30").parse().ok(),
        ends_at: in_days(7, "21:30").parse().ok(),
    }
}

#[tokio::test]
async fn booked_carries_the_screening_if_there_is_one() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    assert_eq!(app.client.post("/books", seat("1A")).await.status, 201);
    assert_eq!(app.client.post("/books", json!({"movieName": "WonderWoman"})).await.status, 201);
    let screenings: Vec<_> = fleet::outbox(&app.scratch.db)
        .await
        .into_iter()
        .map(|event| match event {
            Event::Booked(booked) => booked.screening,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(screenings, [the_screening(), events::Screening::default()]);
    app.settled().await;
}

#[tokio::test]
async fn held_is_published_once_despite_further_attempts_and_inquiries() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    let id = app.book().await;
    for _ in 0..2 {
        assert_eq!(app.client.post(&format!("/books/{id}/payment"), json!({})).await.status, 202);
        app.make_inquiries_due();
        app.reconciler.run_once().await.unwrap();
    }
    assert_eq!(app.published().await, ["Held"]);
    works.store(true, Ordering::SeqCst);
    assert_eq!(app.client.post(&format!("/books/{id}/payment"), json!({})).await.status, 201);
    app.deliver(paid(id, 10_000)).await;
    assert_eq!(app.published().await, ["Held", "Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn booking_whose_first_attempt_decides_is_never_held() {
    for (status, published) in [(201, "Booked"), (402, "HoldExpired")] {
        let app = App::beside(FakeUpstream::answers(status, json!({})).await).await;
        assert_eq!(app.client.post("/books", soul()).await.status, status);
        assert_eq!(app.published().await, [published]);
        app.settled().await;
    }
}

#[tokio::test]
async fn every_end_of_a_hold_is_published_with_its_status() {
    for status in ["Declined", "Expired", "Canceled"] {
        let (payment, decides) = declining_payment().await;
        let app = App::beside(payment).await;
        app.announce(small_hall()).await;
        assert_eq!(app.client.post("/books", seat("1A")).await.status, 202);
        match status {
            "Declined" => {
                decides.store(true, Ordering::SeqCst);
                assert_eq!(app.client.post("/books/1/payment", json!({})).await.status, 402);
            }
            "Expired" => {
                app.make_inquiries_due();
                app.reconciler.run_once().await.unwrap();
                app.expire_holds_in_doubt(&app.reconciler).await;
            }
            _ => assert_eq!(app.client.delete("/books/1").await.status, 204),
        }
        let published = fleet::outbox(&app.scratch.db).await;
        let [Event::Held(_), Event::HoldExpired(expired)] = published.as_slice() else {
            panic!("{status}: {published:?}");
        };
        assert_eq!(expired.status.as_deref(), Some(status));
        assert_eq!(expired.screening, the_screening());
        app.settled().await;
    }
}

/// After a crash between the two transactions, an inquiry or the next attempt finds that the attempt has
/// ended.
#[tokio::test]
async fn interrupted_attempt_leaves_a_held_booking() {
    for by_an_inquiry in [true, false] {
        let app = App::beside(broken_payment().await).await;
        app.open_and_crash().await;
        assert_eq!(app.published().await, [""; 0], "the attempt may still succeed");
        app.make_inquiries_due();
        match by_an_inquiry {
            true => app.reconciler.run_once().await.unwrap(),
            false => assert_eq!(app.client.post("/books/1/payment", json!({})).await.status, 202),
        }
        assert_eq!(app.published().await, ["Held"]);
        app.settled().await;
    }
}

/// A slow process settles its attempt after another one has taken it for interrupted.
#[tokio::test]
async fn booking_published_as_held_is_kept_beyond_the_limit() {
    let app = App::beside(broken_payment().await).await;
    app.open_and_crash().await;
    app.make_inquiries_due();
    app.reconciler.run_once().await.unwrap();
    let full = Rules { max_held: 0, ..RULES };
    let mut tx = app.scratch.db.begin().await.unwrap();
    let booking = bookings::find(&mut tx, BookingId::new(1).unwrap()).await.unwrap().unwrap();
    let outcome = settle_booking(&mut tx, booking, PaymentAnswer::NotReached, &full).await.unwrap();
    assert!(matches!(outcome, Outcome::Held(..)), "{outcome:?}");
    tx.commit().await.unwrap();
    assert_eq!(app.status(1).await, "PaymentPending");
    assert_eq!(app.published().await, ["Held"]);
    app.settled().await;
}
