//! Counting the places of the coming screenings.

use book::occupancy::{self, Occupancy};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::app::{App, small_hall};

#[tokio::test]
async fn places_of_the_next_day_are_counted() {
    let app = App::new().await;
    let count = async || {
        let Occupancy { places, taken } = occupancy::count(&app.scratch.db).await.unwrap();
        (places, taken)
    };
    app.announce(small_hall()).await;
    assert_eq!(count().await, (0, 0), "a week ahead");
    let tomorrow = (app.scratch.db.now() + 23.hours()).to_string();
    let with_seats = announced_at(&app, small_hall(), "Hall 2", &tomorrow).await;
    let admission = json!({ "movieName": "soul", "capacity": 30, "price": 9000 });
    let general = announced_at(&app, admission, "Hall 3", &tomorrow).await;
    assert_eq!(count().await, (34, 0));
    let order = json!({ "screeningId": with_seats, "seat": "1A,2B" });
    assert_eq!(app.client.post("/books", order).await.status, 201);
    let order = json!({ "screeningId": general, "qty": 3 });
    assert_eq!(app.client.post("/books", order).await.status, 201);
    assert_eq!(count().await, (34, 5));
    app.settled().await;
}

/// Announces `screening` in `theatre`, and returns its id.
async fn announced_at(app: &App, mut screening: Value, theatre: &str, starts_at: &str) -> i64 {
    screening["theatre"] = json!(theatre);
    screening["startsAt"] = json!(starts_at);
    app.announce(screening).await
}
