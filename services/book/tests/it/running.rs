//! How long screenings run, and when they end.

use events::Event;
use jiff::Timestamp;
use serde_json::json;
use storage::{query, query_built};
use test_kit::fleet;

use crate::app::{App, STAFF_TOKEN, in_days, small_hall};
use crate::held::{seat, the_screening};

#[tokio::test]
async fn screening_ends_after_its_running_time() {
    let app = App::new().await;
    for (minutes, end) in [(json!(null), "21:30"), (json!("95"), "21:05"), (json!(600), "05:30")] {
        let mut screening = small_hall();
        screening["theatre"] = json!(format!("Hall of {minutes}"));
        screening["runningMinutes"] = minutes;
        let id = app.announce(screening).await;
        let shown = app.client.get(&format!("/screenings/{id}")).await.body;
        let ends_at: Timestamp = shown["endsAt"].as_str().unwrap().parse().unwrap();
        assert_eq!(ends_at.strftime("%H:%M").to_string(), end, "{shown}");
    }
    for minutes in [0, 601] {
        let mut screening = small_hall();
        screening["runningMinutes"] = json!(minutes);
        let answer = app.announced(screening, STAFF_TOKEN).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/runningMinutes"]));
    }
    app.settled().await;
}

/// Runs the migration over a row of the previous version.
#[tokio::test]
async fn screening_of_an_earlier_version_ends_two_hours_after_its_start() {
    let app = App::new().await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    for sql in [
        "ALTER TABLE screenings DROP COLUMN ends_at",
        "ALTER TABLE bookings DROP COLUMN held_published",
        "INSERT INTO screenings (movie_name, theatre, starts_at, capacity, price, places_left, created_at, movie_key)
         VALUES ('soul', 'Hall 1', 1000000, 10, 5000, 10, 0, 'soul')",
        "INSERT INTO bookings (qty, name, status, paid, held_until, created_at, updated_at, movie_key)
         VALUES (1, 'CGV', 'PaymentPending', 0, 1, 0, 0, '')",
    ] {
        tx.execute(query(sql)).await.unwrap();
    }
    let migration = include_str!("../../migrations/sqlite/0111_screenings_end.sql");
    for sql in migration.split(';').filter(|sql| !sql.trim().is_empty()) {
        tx.execute(query_built(sql.to_owned())).await.unwrap();
    }
    tx.commit().await.unwrap();
    let shown = app.client.get("/screenings/1").await.body;
    let times = (&shown["startsAt"], &shown["endsAt"]);
    assert_eq!(times, (&json!("1970-01-01T00:00:01Z"), &json!("1970-01-01T02:00:01Z")));
    // The hold of an earlier version was not published, but its end is.
    assert_eq!(app.status(1).await, "PaymentPending");
    app.reconciler.run_once().await.unwrap();
    assert_eq!(app.published().await, ["HoldExpired"]);
    app.settled().await;
}

/// As a process of the previous version adds it after the migration.
#[tokio::test]
async fn screening_without_an_end_runs_for_two_hours() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(query("UPDATE screenings SET ends_at = NULL")).await.unwrap();
    tx.commit().await.unwrap();
    for path in ["/screenings/1", "/screenings"] {
        let body = app.client.get(path).await.body;
        let listed = &body["_embedded"]["screenings"][0];
        let shown = if listed.is_null() { &body } else { listed };
        assert_eq!(shown["endsAt"], in_days(7, "21:30"));
    }
    assert_eq!(app.client.post("/books", seat("1A")).await.status, 201);
    let Event::Booked(booked) = fleet::outbox(&app.scratch.db).await.remove(0) else { panic!("Booked") };
    assert_eq!(booked.screening, the_screening());
    app.settled().await;
}

#[tokio::test]
async fn hall_is_taken_until_the_screening_ends() {
    let app = App::new().await;
    let announce = async |start: &str, minutes: i64| {
        let mut screening = small_hall();
        (screening["startsAt"], screening["runningMinutes"]) = (json!(in_days(7, start)), json!(minutes));
        app.announced(screening, STAFF_TOKEN).await
    };
    assert_eq!(announce("08:00", 600).await.status, 201);
    let taken = announce("18:00", 60).await;
    assert_eq!((taken.status.as_u16(), taken.problem()), (409, "theatre-taken"));
    let end = in_days(7, "18:00");
    assert!(taken.body["detail"].as_str().unwrap().contains(&end), "{}", taken.body);
    assert_eq!(announce("18:30", 60).await.status, 201);
    assert_eq!(announce("20:00", 30).await.status, 201);
    // One that would overlap the next.
    assert_eq!(announce("06:00", 119).await.status, 409);
    assert_eq!(announce("06:00", 60).await.status, 201);
    app.settled().await;
}
