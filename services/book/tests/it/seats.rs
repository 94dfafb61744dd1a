//! Seats: the database decides, and a taken seat is never sold again.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use storage::query_as;
use test_kit::{Answer, FakeUpstream, fleet};

use crate::app::{App, RULES, in_days, payment_canceled, small_hall, soul};

/// All claims, as they are stored.
async fn claims(app: &App) -> Vec<(String, String, i64)> {
    let find = query_as("SELECT place, seat, booking_id FROM seat_claims ORDER BY place, seat");
    app.scratch.db.read().await.unwrap().fetch_all(find).await.unwrap()
}

fn seat(seat: &str) -> Value {
    json!({"movieName": "soul", "seat": seat})
}

#[tokio::test]
async fn taken_seats_are_409_and_listed() {
    let app = App::new().await;
    app.book().await;
    let answer = app.client.post("/books", seat("3C,2b,1A")).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "seat-taken"));
    assert_eq!(answer.body["seats"], json!(["2B", "1A"]));
    assert_eq!(answer.pointers(), ["/seat", "/seat"]);
    // The booking gets all seats or none: the available one stays so, and payment was not called.
    assert_eq!(app.client.post("/books", seat("3C")).await.status, 201);
    assert_eq!(app.payment.requests().len(), 2);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 2);
    app.settled().await;
}

#[tokio::test]
async fn movie_without_screenings_is_one_showing() {
    let app = App::new().await;
    app.book().await;
    let other = json!({"movieName": "parasite", "seat": "1A"});
    assert_eq!(app.client.post("/books", other).await.status, 201);
    let nameless = json!({"seat": "1A"});
    assert_eq!(app.client.post("/books", nameless.clone()).await.status, 201);
    assert_eq!(app.client.post("/books", nameless).await.status, 409);
    let places: Vec<String> = claims(&app).await.into_iter().map(|(place, ..)| place).collect();
    assert_eq!(places, ["movie:", "movie:parasite", "movie:soul", "movie:soul"]);
    app.settled().await;
}

#[tokio::test]
async fn bookings_without_seats_never_conflict() {
    let app = App::new().await;
    for _ in 0..3 {
        assert_eq!(app.client.post("/books", json!({"qty": 3})).await.status, 201);
    }
    assert!(claims(&app).await.is_empty());
    app.settled().await;
}

#[tokio::test]
async fn seats_of_an_ended_booking_are_available_again() {
    let app = App::beside(FakeUpstream::answers(402, json!({})).await).await;
    for _ in 0..2 {
        assert_eq!(app.client.post("/books", soul()).await.status, 402);
    }
    assert!(claims(&app).await.is_empty());
    app.settled().await;

    let app = App::new().await;
    let id = app.book().await;
    app.client.delete(&format!("/books/{id}")).await;
    assert_eq!(app.client.post("/books", soul()).await.status, 409);
    app.deliver(payment_canceled(id)).await;
    assert_eq!(app.client.post("/books", soul()).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn order_of_seats_makes_no_difference() {
    let app = App::new().await;
    let orders = ["1A,2B,3C", "3C,2B,1A", "2B,3C,1A", "3C,1A,2B"];
    let answers = join_all(orders.iter().map(|order| app.client.post("/books", seat(order)))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_seat_is_sold_to_one_of_a_thousand() {
    let app = App::new().await;
    let screening = app.announce(small_hall()).await;
    let all_but_one = json!({"screeningId": screening, "seat": "1A,1B,2A"});
    assert_eq!(app.client.post("/books", all_but_one).await.status, 201);
    let last = json!({"screeningId": screening, "seat": "2B"});
    // At most a hundred at a time, so that none waits too long for the database.
    let mut statuses = Vec::new();
    for _ in 0..10 {
        let orders = (0..100).map(|_| app.client.post("/books", last.clone()));
        statuses.extend(join_all(orders).await.iter().map(|answer| answer.status.as_u16()));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 999);
    assert_eq!(claims(&app).await.len(), 4);
    assert_eq!(app.payment.requests().len(), 2);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_general_admission_are_taken_and_released() {
    let app = App::new().await;
    let screening = app
        .announce(json!({
            "movieName": "soul", "theatre": "Park", "startsAt": in_days(7, "19:30"), "capacity": 10, "price": 9000,
        }))
        .await;
    let places_left = async || {
        let answer = app.client.get(&format!("/screenings/{screening}")).await;
        answer.body["placesLeft"].as_i64().unwrap()
    };
    let order = json!({"screeningId": screening, "qty": 3});
    let answers = join_all((0..8).map(|_| app.client.post("/books", order.clone()))).await;
    let booked: Vec<&Value> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| &answer.body).collect();
    assert_eq!((booked.len(), places_left().await), (3, 1));
    assert!(booked.iter().all(|booking| booking["totalPrice"] == 27_000));
    let refused: HashSet<&str> =
        answers.iter().filter(|answer| answer.status != 201).map(Answer::problem).collect();
    assert_eq!(refused, HashSet::from(["sold-out"]));

    let id = booked[0]["id"].as_i64().unwrap();
    app.client.delete(&format!("/books/{id}")).await;
    app.deliver(payment_canceled(id)).await;
    app.deliver(payment_canceled(id)).await;
    assert_eq!(places_left().await, 4);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customer_has_at_most_the_maximum_of_places_of_a_screening() {
    let rules = book::app::Rules { max_places_per_customer: 2, ..RULES };
    let app = App::with_rules(FakeUpstream::answers(201, json!({})).await, rules).await;
    let screening = app.announce(small_hall()).await;
    let order =
        |seat: &str, customer: i64| json!({"screeningId": screening, "seat": seat, "customerId": customer});
    let seats = ["1A", "1B", "2A", "2B"];
    let answers = join_all(seats.iter().map(|seat| app.client.post("/books", order(seat, 7)))).await;
    let refused: Vec<&str> =
        answers.iter().filter(|answer| answer.status != 201).map(Answer::problem).collect();
    assert_eq!(refused, ["too-many-places", "too-many-places"]);
    let free: Vec<String> = answers
        .iter()
        .zip(seats)
        .filter(|(answer, _)| answer.status != 201)
        .map(|(_, seat)| seat.to_owned())
        .collect();
    assert_eq!(app.client.post("/books", order(&free.join(","), 8)).await.status, 201);
    assert_eq!(fleet::outbox_types(&app.scratch.db).await.len(), 3);
    app.settled().await;
}
