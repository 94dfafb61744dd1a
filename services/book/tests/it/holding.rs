//! Holds: a booking that could not be paid keeps its places for a while.

use std::sync::atomic::Ordering;
use std::time::Duration;

use book::app::Rules;
use events::Event;
use http::StatusCode;
use serde_json::{Value, json};
use storage::query_as;
use test_kit::{FakeUpstream, fleet};

use crate::app::{App, RULES, paid, recovering_payment, soul};

/// The response of payment's search with `payments`.
fn found(payments: &Value) -> Value {
    json!({"_embedded": {"payments": payments}})
}

/// A payment service that has `payments` and accepts no further ones.
pub async fn payment_that_has(payments: Value) -> FakeUpstream {
    FakeUpstream::routes(move |_, path| match path {
        "/payments/inquiries" => (StatusCode::OK, found(&payments)),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, json!({})),
    })
    .await
}

fn relations(body: &Value) -> Vec<&str> {
    body["_links"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn links_of_a_held_booking_name_its_mypage_and_after_its_end_its_payment() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let order = json!({"movieName": "soul", "seat": "1A", "customerId": 33});
    let held = app.client.post("/books", order).await.body;
    assert_eq!(relations(&held), ["book", "mypage", "payment", "self"]);
    assert_eq!(held["_links"]["mypage"]["href"], "http://cinema/mypages/1");
    assert_eq!(app.client.delete("/books/1").await.status, 204);
    let canceled = app.client.get("/books/1").await.body;
    assert_eq!(relations(&canceled), ["book", "mypage", "payment", "self"]);
    let payment = "http://cinema/payments/search/findByBookingId?bookingId=1";
    assert_eq!(canceled["_links"]["payment"]["href"], payment);
    app.settled().await;
}

#[tokio::test]
async fn booking_that_cannot_be_paid_is_held_with_a_link_and_a_time_to_pay() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("PaymentPending")));
    assert_eq!(answer.header("location"), "http://cinema/books/1");
    assert_eq!(answer.body["_links"]["payment"]["href"], "http://cinema/books/1/payment");
    assert_eq!(relations(&answer.body), ["book", "payment", "self"], "there is no ticket yet");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert!(answer.body["heldUntil"].as_str().unwrap().ends_with('Z'));
    assert_eq!(app.published().await, ["Held"], "the booking is not paid yet");
    assert_eq!(app.client.post("/books", soul()).await.status, 409, "its seats are held");
    app.settled().await;
}

#[tokio::test]
async fn customer_pays_for_a_held_booking() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    let id = app.book().await;
    assert_eq!(app.status(id).await, "PaymentPending");
    works.store(true, Ordering::SeqCst);
    let answer = app.client.post(&format!("/books/{id}/payment"), json!({})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &json!("Registered")));
    assert_eq!(answer.body.get("heldUntil"), None);
    // A repeated request gets the same response.
    let again = app.client.post(&format!("/books/{id}/payment"), json!({})).await;
    assert_eq!(again.status, 201);
    assert_eq!(app.published().await, ["Held", "Booked"]);
    assert_eq!(app.client.post("/books/99/payment", json!({})).await.status, 404);
    app.settled().await;
}

#[tokio::test]
async fn expired_hold_releases_its_seats_and_refunds_a_late_payment() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let order = json!({"movieName": "soul", "seat": "1A,2B", "totalPrice": 10000, "customerId": 33});
    app.client.post("/books", order).await;
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.status(1).await, "PaymentPending", "the hold has not ended");

    app.end_holds();
    app.reconciler.run_once().await.unwrap();
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.status(1).await, "Expired");
    let published = fleet::outbox(&app.scratch.db).await;
    let [Event::Held(_), Event::HoldExpired(expired)] = published.as_slice() else {
        panic!("{published:?}");
    };
    assert_eq!(expired.status.as_deref(), Some("Expired"));
    assert_eq!(expired.seat.as_deref(), Some("1A,2B"));
    assert_eq!(expired.customer_id.map(events::CustomerId::get), Some(33));

    for (method, path) in [("POST", "/books/1/payment"), ("DELETE", "/books/1")] {
        let answer = match method {
            "POST" => app.client.post(path, json!({})).await,
            _ => app.client.delete(path).await,
        };
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "hold-expired"), "{method}");
    }
    app.deliver(paid(1, 10_000)).await;
    assert_eq!(app.status(1).await, "Expired", "a late payment changes nothing here");
    assert_eq!(app.client.post("/books", soul()).await.status, 202, "the seats are available");
    app.settled().await;
}

#[tokio::test]
async fn booking_that_cannot_be_read_does_not_keep_others_from_expiring() {
    let app = App::beside(payment_that_has(json!([])).await).await;
    for seat in ["1A", "1B", "1C"] {
        let order = json!({"movieName": "soul", "seat": seat});
        assert_eq!(app.client.post("/books", order).await.status, 202);
    }
    app.end_holds();
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(storage::query("UPDATE bookings SET customer_id = -1 WHERE id = 1")).await.unwrap();
    tx.commit().await.unwrap();
    // The first round inquires at payment; a later one expires the holds.
    app.reconciler.run_once().await.unwrap();
    assert_eq!([app.status(2).await, app.status(3).await], ["PaymentPending", "PaymentPending"]);
    app.expire_holds_in_doubt(&app.reconciler).await;
    assert_eq!([app.status(2).await, app.status(3).await], ["Expired", "Expired"]);
    // Once repaired, the booking is processed in its turn.
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(storage::query("UPDATE bookings SET customer_id = NULL WHERE id = 1")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.status(1).await, "PaymentPending");
    app.expire_holds_in_doubt(&app.reconciler).await;
    assert_eq!(app.status(1).await, "Expired");
    app.settled().await;
}

#[tokio::test]
async fn inquiry_settles_a_payment_without_a_response() {
    for (payments, status, published) in [
        (json!([{"totalPrice": 10000, "status": "Paid"}]), "Registered", vec!["Held", "Booked"]),
        // Another amount was charged: only the end of the hold settles that.
        (json!([{"totalPrice": 1, "status": "Paid"}]), "PaymentPending", vec!["Held"]),
        (json!([{"totalPrice": 10000, "status": "Canceling"}]), "Declined", vec!["Held", "HoldExpired"]),
        (json!([{"totalPrice": 0, "status": "Voided"}]), "Declined", vec!["Held", "HoldExpired"]),
        (json!([]), "PaymentPending", vec!["Held"]),
    ] {
        let app = App::beside(payment_that_has(payments.clone()).await).await;
        assert_eq!(app.client.post("/books", soul()).await.status, 202);
        app.reconciler.run_once().await.unwrap();
        assert_eq!(app.status(1).await, "PaymentPending", "`Paid` has a moment to come by itself");
        app.make_inquiries_due();
        app.reconciler.run_once().await.unwrap();
        assert_eq!((app.status(1).await.as_str(), app.published().await), (status, published), "{payments}");
        app.settled().await;
    }
}

#[tokio::test]
async fn lost_payment_settles_a_booking_although_a_later_attempt_was_refused() {
    // The first attempt is charged, and its response is lost; the second one is never sent.
    let app = App::beside(payment_that_has(json!([{"totalPrice": 10000, "status": "Paid"}])).await).await;
    assert_eq!(app.client.post("/books", soul()).await.status, 202);
    let refusing = app.now_calling(FakeUpstream::refuses());
    assert_eq!(refusing.post("/books/1/payment", json!({})).await.status, 202);
    app.end_holds();
    app.reconciler.run_once().await.unwrap();
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("Registered", vec!["Held", "Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn booking_to_pay_later_is_paid_when_payment_works_again() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    let later = json!({"movieName": "soul", "seat": "1A", "payLater": "true"});
    assert_eq!(app.client.post("/books", later).await.status, 202);
    let not_later = json!({"movieName": "soul", "seat": "1B"});
    assert_eq!(app.client.post("/books", not_later).await.status, 202);
    app.make_inquiries_due();
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.status(1).await, "PaymentPending");
    works.store(true, Ordering::SeqCst);
    app.make_inquiries_due();
    app.reconciler.run_once().await.unwrap();
    assert_eq!([app.status(1).await, app.status(2).await], ["Registered", "PaymentPending"]);
    app.settled().await;
}

#[tokio::test]
async fn beyond_the_limit_no_booking_is_held() {
    let rules = Rules { max_held: 1, ..RULES };
    let app = App::with_rules(FakeUpstream::refuses(), rules).await;
    assert_eq!(app.client.post("/books", json!({"movieName": "soul", "seat": "1A"})).await.status, 202);
    let order = json!({"movieName": "soul", "seat": "2B"});
    for _ in 0..2 {
        let headers = [("idempotency-key", "k-1")];
        let answer = app.client.post_with("/books", order.clone(), &headers).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    let left: (i64,) = app
        .scratch
        .db
        .read()
        .await
        .unwrap()
        .fetch_one(query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM request_keys"))
        .await
        .unwrap();
    assert_eq!(left.0, 0, "the same request may be repeated");
    assert_eq!(app.published().await, ["Held"]);
    app.settled().await;
}

#[tokio::test]
async fn payment_that_cannot_reach_its_provider_counts_as_not_reached() {
    let unreachable = json!({"type": "/problems/payment-unavailable"});
    let rules = Rules { max_held: 0, ..RULES };
    let app = App::with_rules(FakeUpstream::answers(503, unreachable.clone()).await, rules).await;
    // A 503 after a retry decides nothing about the first attempt.
    let answer = app.client.post("/books", soul()).await;
    assert_eq!(answer.status, 202, "the first attempt was not the only one: {}", answer.body);
    app.settled().await;

    let waits = FakeUpstream::answers_and_asks_to_wait(503, unreachable).await;
    let app = App::with_rules(waits, rules).await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 0);
    app.settled().await;
}

#[tokio::test]
async fn price_conflict_is_not_a_decline() {
    for (slug, status, published) in
        [("payment-conflict", 202, vec!["Held"]), ("booking-voided", 402, vec!["HoldExpired"])]
    {
        let problem = json!({"type": format!("/problems/{slug}")});
        let app = App::beside(FakeUpstream::answers(409, problem).await).await;
        assert_eq!(app.client.post("/books", soul()).await.status, status, "{slug}");
        assert_eq!(app.published().await, published, "{slug}");
        app.settled().await;
    }
}

#[tokio::test]
async fn inquiries_find_an_attempt_in_doubt_after_later_refused_ones() {
    let found = json!([{"totalPrice": 10000, "status": "Paid"}]);
    let app = App::beside(payment_that_has(found).await).await;
    // Charged with a lost response; not sent; a lost response again; not sent.
    assert_eq!(app.client.post("/books", soul()).await.status, 202);
    let refusing = app.now_calling(FakeUpstream::refuses());
    for client in [&refusing, &app.client, &refusing] {
        assert_eq!(client.post("/books/1/payment", json!({})).await.status, 202);
    }
    app.make_inquiries_due();
    app.reconciler.run_once().await.unwrap();
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("Registered", vec!["Held", "Booked"]));
    app.settled().await;
}

#[tokio::test]
async fn customer_holds_at_most_the_maximum() {
    let rules = Rules { max_held_per_customer: 1, ..RULES };
    let app = App::with_rules(FakeUpstream::refuses(), rules).await;
    let order = |customer: i64| json!({"qty": 1, "customerId": customer});
    assert_eq!(app.client.post("/books", order(7)).await.status, 202);
    let answer = app.client.post("/books", order(7)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "too-many-held"));
    assert_eq!(app.client.post("/books", order(8)).await.status, 202);
    assert_eq!(app.client.get("/books?customerId=7").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn hold_does_not_expire_during_an_attempt_and_no_second_attempt_begins() {
    let hold = RULES.attempt / 2;
    let rules = Rules { hold, ..RULES };
    let app = App::with_rules(FakeUpstream::hangs().await, rules).await;
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/books", soul()).await });
    while app.client.get("/books/1").await.status != 200 {
        tokio::task::yield_now().await;
    }
    app.scratch.clock.advance(hold);
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.status(1).await, "PaymentPending");
    // A replica that waits only briefly for the outcome of the running attempt.
    let rules = Rules { attempt: Duration::from_millis(50), ..RULES };
    let replica = app.replica_with_rules(FakeUpstream::refuses(), rules);
    let meanwhile = replica.post("/books/1/payment", json!({})).await;
    assert_eq!((meanwhile.status.as_u16(), meanwhile.problem()), (409, "request-in-progress"));

    assert_eq!(paying.await.unwrap().status, 202);
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.status(1).await, "Expired");
    app.settled().await;
}

#[tokio::test]
async fn crash_before_the_payment_leaves_a_hold_that_the_reconciler_settles() {
    let app = App::beside(payment_that_has(json!([{"totalPrice": 10000, "status": "Paid"}])).await).await;
    app.open_and_crash().await;
    app.make_inquiries_due();
    app.reconciler.run_once().await.unwrap();
    assert_eq!((app.status(1).await.as_str(), app.published().await), ("Registered", vec!["Held", "Booked"]));
    app.settled().await;
}
