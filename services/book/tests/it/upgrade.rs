//! The upgrade of rows that earlier versions wrote.

use book::app::bring_over;
use book::{demo_data, upgrade};
use serde_json::{Value, json};
use storage::{query, query_as};
use test_kit::log::Log;

use crate::app::{App, RULES, STAFF_TOKEN, in_days, small_hall};

/// Adds a live booking as an earlier version wrote it, with its claims.
async fn booking(app: &App, movie: Option<&str>, seats: &[&str], screening: Option<i64>) {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let insert = query_as(
        "INSERT INTO bookings (movie_name, seat, qty, total_price, name, customer_id, status, paid, screening_id,
             held_until, looks, attempts, pay_later, created_at, updated_at, movie_key)
         VALUES ($1, $2, 1, 10000, 'CGV', NULL, 'Registered', 0, $3, $4, 0, 1, 0, $4, $4, '') RETURNING id",
    )
    .bind(movie.map(str::to_owned))
    .bind((!seats.is_empty()).then(|| seats.join(",")))
    .bind(screening)
    .bind(tx.now().as_microsecond());
    let (id,): (i64,) = tx.fetch_one(insert).await.unwrap();
    tx.execute(query("UPDATE bookings SET movie_key = NULL WHERE id = $1").bind(id)).await.unwrap();
    let place = match screening {
        Some(screening) => format!("screening:{screening}"),
        None => format!("movie:{}", movie.unwrap_or_default()),
    };
    for seat in seats {
        let claim = query("INSERT INTO seat_claims (place, seat, booking_id) VALUES ($1, $2, $3)");
        tx.execute(claim.bind(place.clone()).bind((*seat).to_owned()).bind(id)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Adds a screening, in general admission or with `seats`, as an earlier version wrote it.
async fn screening(app: &App, movie: &str, theatre: &str, hall: Option<String>, seats: &[&str]) -> i64 {
    let mut tx = app.scratch.db.begin().await.unwrap();
    let starts_at: jiff::Timestamp = in_days(7, "20:00").parse().unwrap();
    let insert = query_as(
        "INSERT INTO screenings (movie_name, theatre, starts_at, hall, capacity, price, places_left, created_at,
             movie_key)
         VALUES ($1, $2, $3, $4, NULL, NULL, NULL, 1, '') RETURNING id",
    )
    .bind(movie.to_owned())
    .bind(theatre.to_owned())
    .bind(starts_at.as_microsecond())
    .bind(hall);
    let (id,): (i64,) = tx.fetch_one(insert).await.unwrap();
    tx.execute(query("UPDATE screenings SET movie_key = NULL WHERE id = $1").bind(id)).await.unwrap();
    for seat in seats {
        let insert = query(
            "INSERT INTO screening_seats
                 (screening_id, seat, row_name, row_number, column_number, kind, price_class, price)
             VALUES ($1, $2, '1', 0, 0, 'standard', 'standard', 12000)",
        );
        tx.execute(insert.bind(id).bind((*seat).to_owned())).await.unwrap();
    }
    tx.commit().await.unwrap();
    id
}

/// All stored claims.
async fn claims(app: &App) -> Vec<(String, String, i64)> {
    let find = query_as("SELECT place, seat, booking_id FROM seat_claims ORDER BY booking_id, place, seat");
    app.scratch.db.read().await.unwrap().fetch_all(find).await.unwrap()
}

fn claim(place: &str, seat: &str, booking: i64) -> (String, String, i64) {
    (place.to_owned(), seat.to_owned(), booking)
}

async fn keyless(app: &App) -> i64 {
    let find = query_as(
        "SELECT CAST((SELECT COUNT(*) FROM bookings WHERE movie_key IS NULL)
             + (SELECT COUNT(*) FROM screenings WHERE movie_key IS NULL) AS BIGINT)",
    );
    let (rows,): (i64,) = app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap();
    rows
}

/// Adds seven bookings and a screening of an earlier version.
async fn fill_as_an_earlier_version(app: &App) {
    let hall = screening(app, "Otter  Lake", "Hall 1 ", None, &["1A", "１Ａ", "２Ｂ"]).await;
    booking(app, Some("기생충"), &["1A"], None).await;
    booking(app, Some("기생충 "), &["1A", "2B"], None).await;
    booking(app, Some("\u{1100}\u{1175}생충\u{200b}"), &["2B", "３Ｃ"], None).await;
    booking(app, Some("Soul"), &["1A", "１Ａ"], None).await;
    booking(app, None, &["1A"], None).await;
    booking(app, Some("Otter  Lake"), &["２Ｂ"], Some(hall)).await;
    booking(app, Some("SOUL"), &[], None).await;
}

/// The claims after the upgrade: the older of two bookings keeps the seat.
fn claims_after() -> Vec<(String, String, i64)> {
    vec![
        claim("movie:기생충", "1A", 1),
        claim("movie:기생충", "2B", 2),
        claim("movie:기생충", "3C", 3),
        claim("movie:soul", "1A", 4),
        claim("movie:", "1A", 5),
        claim("screening:1", "2B", 6),
    ]
}

#[tokio::test]
async fn rows_of_earlier_versions_get_keys_and_the_older_of_two_claims_stays() {
    let app = App::new().await;
    fill_as_an_earlier_version(&app).await;
    assert_eq!(keyless(&app).await, 8);
    upgrade::run(&app.scratch.db).await.unwrap();
    assert_eq!((keyless(&app).await, claims(&app).await), (0, claims_after()));
    // The screening is found and booked in any spelling, and taken seats stay taken.
    let found = app.client.get("/screenings?movieName=otter%20lake").await;
    assert_eq!(found.body["page"]["totalElements"], 1);
    for taken in ["1a", "2b", "3c"] {
        let order = json!({"movieName": "기생충\n", "seat": taken});
        assert_eq!(app.client.post("/books", order).await.status, 409, "{taken}");
    }
    let sold = app.client.post("/books", json!({"screeningId": 1, "seat": "2b"})).await;
    assert_eq!((sold.status.as_u16(), sold.problem()), (409, "seat-taken"));
    assert_eq!(app.client.post("/books", json!({"screeningId": 1, "seat": "１a"})).await.status, 201);
    let mut overlaps = small_hall();
    overlaps["startsAt"] = json!(in_days(7, "21:00"));
    let answer = app.announced(overlaps, STAFF_TOKEN).await;
    assert_eq!((answer.status.as_u16(), &answer.body["screeningId"]), (409, &json!(1)));
    app.settled().await;
}

#[tokio::test]
async fn killed_upgrade_continues_where_it_stopped() {
    // The process is killed in the transaction after these.
    for killed_after in 0..9 {
        let app = App::new().await;
        fill_as_an_earlier_version(&app).await;
        for _ in 0..killed_after {
            let mut tx = app.scratch.db.begin().await.unwrap();
            bring_over(&mut tx, 1).await.unwrap();
            tx.commit().await.unwrap();
        }
        let mut killed = app.scratch.db.begin().await.unwrap();
        bring_over(&mut killed, 1).await.unwrap();
        drop(killed);
        assert_eq!(keyless(&app).await, 8 - killed_after.min(8));
        upgrade::run(&app.scratch.db).await.unwrap();
        assert_eq!((keyless(&app).await, claims(&app).await), (0, claims_after()), "{killed_after}");
        app.settled().await;
    }
}

#[tokio::test]
async fn older_booking_gets_its_seat_back_from_a_younger_one() {
    let app = App::new().await;
    booking(&app, Some("Soul"), &["1A"], None).await;
    // This version adds a booking while the older row has no key yet.
    assert_eq!(app.client.post("/books", json!({"movieName": "soul", "seat": "1A"})).await.status, 201);
    upgrade::run(&app.scratch.db).await.unwrap();
    assert_eq!(claims(&app).await, [claim("movie:soul", "1A", 1)]);
    app.settled().await;
}

/// Staff must inform the customer of the younger booking.
#[tokio::test]
async fn log_reports_two_bookings_of_one_seat_but_not_one_with_it_twice() {
    let app = App::new().await;
    booking(&app, Some("Soul"), &["1A", "１Ａ"], None).await;
    booking(&app, Some("SOUL"), &["1A", "2B"], None).await;
    let (log, _guard) = Log::capture();
    upgrade::run(&app.scratch.db).await.unwrap();
    let lines = log.lines_with("two bookings have the same seat");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let fields = ["place", "seat", "kept", "lost"].map(|field| &lines[0][field]);
    assert_eq!(fields, [&json!("movie:soul"), &json!("1A"), &json!(1), &json!(2)]);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_upgrade_each_row_once() {
    let app = App::new().await;
    fill_as_an_earlier_version(&app).await;
    for _ in 0..600 {
        booking(&app, Some("Soul"), &[], None).await;
    }
    let starts = (0..4).map(|_| upgrade::run(&app.scratch.db));
    assert!(futures_util::future::join_all(starts).await.iter().all(Result::is_ok));
    assert_eq!((keyless(&app).await, claims(&app).await), (0, claims_after()));
    app.settled().await;
}

#[tokio::test]
async fn new_database_needs_no_upgrade() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    app.client.post("/books", json!({"movieName": "parasite", "seat": "1A"})).await;
    app.client.post("/books", json!({"qty": 1})).await;
    app.client.post("/books", json!({"screeningId": 1, "seat": "1A"})).await;
    assert_eq!(keyless(&app).await, 0);
    let mut tx = app.scratch.db.begin().await.unwrap();
    assert_eq!(bring_over(&mut tx, 1).await.unwrap(), 0);
    drop(tx);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seat_released_during_the_upgrade_stays_available() {
    for _ in 0..5 {
        let app = App::new().await;
        booking(&app, Some("Soul"), &["1A"], None).await;
        // A cancellation in a process of an earlier version.
        let mut cancel = app.scratch.db.begin().await.unwrap();
        cancel.execute(query("UPDATE bookings SET status = 'Canceled' WHERE id = 1")).await.unwrap();
        cancel.execute(query("DELETE FROM seat_claims WHERE booking_id = 1")).await.unwrap();
        let db = app.scratch.db.clone();
        let upgrade = tokio::spawn(async move { upgrade::run(&db).await });
        // Time for the upgrade to run into it; in any case the seat is available in the end.
        for _ in 0..50 {
            keyless(&app).await;
        }
        cancel.commit().await.unwrap();
        upgrade.await.unwrap().unwrap();
        assert_eq!((keyless(&app).await, claims(&app).await), (0, vec![]));
        app.settled().await;
    }
}

#[tokio::test]
async fn process_of_an_earlier_version_can_no_longer_book() {
    let app = App::new().await;
    for sql in [
        "INSERT INTO bookings (movie_name, seat, qty, total_price, name, customer_id, status, paid, created_at, updated_at)
         VALUES ('Soul', '1A', 1, 10000, 'CGV', NULL, 'PaymentPending', 0, 1, 1)",
        "INSERT INTO screenings (movie_name, theatre, starts_at, hall, capacity, price, places_left, created_at)
         VALUES ('Soul', 'Hall 1', 1, NULL, 10, 1, 10, 1)",
    ] {
        let mut tx = app.scratch.db.begin().await.unwrap();
        let refused = tx.execute(query(sql)).await.unwrap_err();
        let cause = format!("{refused:?}");
        assert!(cause.contains("stop the processes of the version before"), "{cause}");
    }
    app.settled().await;
}

#[tokio::test]
async fn key_from_before_the_upgrade_still_finds_its_booking() {
    let app = App::new().await;
    let key = [("idempotency-key", "k-1")];
    let order = json!({"movieName": "Soul", "seat": "1A"});
    let first = app.client.post_with("/books", order.clone(), &key).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    // The migration does this to the fingerprints of earlier versions.
    tx.execute(query("UPDATE request_keys SET fingerprint = ''")).await.unwrap();
    tx.commit().await.unwrap();
    let again = app.client.post_with("/books", order, &key).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &first.body));
    app.settled().await;
}

/// The layout of the demo program's first hall, as every version stores it.
async fn demo_hall(app: &App) -> Option<String> {
    let find =
        query_as("SELECT hall FROM screenings WHERE theatre = 'Hall 1' AND movie_name <> 'soul' LIMIT 1");
    let (hall,): (Option<String>,) = app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap();
    hall
}

#[tokio::test]
async fn unsold_screenings_of_soul_are_withdrawn_and_sold_ones_stay() {
    let app = App::new().await;
    demo_data::announce(&app.scratch.db, &RULES).await.unwrap();
    let hall = demo_hall(&app).await;
    let soul = async || {
        let found = app.client.get("/screenings?movieName=soul&size=100").await;
        found.body["page"]["totalElements"].as_i64().unwrap()
    };
    assert_eq!(soul().await, 0);
    let sold = screening(&app, "soul", "Hall 1", hall.clone(), &["1A"]).await;
    let staff_own = screening(&app, "soul", "Hall 3", None, &["1A"]).await;
    booking(&app, Some("soul"), &["1A"], Some(sold)).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    tx.execute(query("UPDATE screenings SET starts_at = starts_at + 1 WHERE theatre = 'Hall 1'"))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    screening(&app, "soul", "Hall 1", hall, &["1A"]).await;
    upgrade::run(&app.scratch.db).await.unwrap();
    assert_eq!(soul().await, 3);
    demo_data::announce(&app.scratch.db, &RULES).await.unwrap();
    let left = app.client.get("/screenings?movieName=soul").await;
    let left: Vec<&Value> =
        left.body["_embedded"]["screenings"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(left, [&json!(staff_own), &json!(sold)]);
    let refused = app.client.post("/books", json!({"movieName": "soul"})).await;
    assert_eq!(refused.problem(), "screening-required");
    app.settled().await;
}
