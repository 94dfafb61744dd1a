//! Names in many spellings: they are compared and found in one normal form.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use storage::query_as;
use test_kit::FakeUpstream;

use crate::app::{App, RULES, STAFF_TOKEN, in_days, small_hall};

/// Ten spellings of one movie and one seat.
const SPELLINGS: [(&str, &str); 10] = [
    ("Otter Lake 기생충", "3C"),
    ("otter lake 기생충", "3c"),
    (" Otter  Lake\u{a0}기생충 ", "３Ｃ"),
    ("OTTER LAKE 기생충\n", " 3C\u{3000}"),
    ("Otter\u{3000}Lake \u{1100}\u{1175}\u{1109}\u{1162}\u{11bc}\u{110e}\u{116e}\u{11bc}", "3ｃ"),
    ("Ｏtter Lake 기생충", "③C"),
    ("Otter\tLake\u{2028}기생충", "3C\n"),
    ("\u{2003}Otter Lake 기생충", "３c"),
    ("otter\r\nLAKE 기생충", "\t3C"),
    ("ｏｔｔｅｒ　ｌａｋｅ　기생충", "③ｃ"),
];

fn order((movie, seat): (&str, &str)) -> Value {
    json!({"movieName": movie, "seat": seat})
}

async fn count(app: &App, table: &str) -> i64 {
    let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
    let (count,): (i64,) =
        app.scratch.db.read().await.unwrap().fetch_one(storage::query_as_built(sql)).await.unwrap();
    count
}

#[tokio::test]
async fn seat_in_ten_spellings_is_sold_once() {
    for first in SPELLINGS {
        let app = App::new().await;
        assert_eq!(app.client.post("/books", order(first)).await.status, 201, "{first:?}");
        for other in SPELLINGS {
            let answer = app.client.post("/books", order(other)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.problem()),
                (409, "seat-taken"),
                "{first:?}, {other:?}"
            );
            assert_eq!(answer.body["seats"], json!(["3C"]));
        }
        app.settled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seat_in_ten_spellings_is_sold_to_one_of_a_thousand() {
    let app = App::new().await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        let orders = (0..100).map(|number| app.client.post("/books", order(SPELLINGS[number % 10])));
        statuses.extend(join_all(orders).await.iter().map(|answer| answer.status.as_u16()));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 999);
    assert_eq!(app.payment.requests().len(), 1);
    assert_eq!((count(&app, "seat_claims").await, count(&app, "bookings").await), (1, 1));
    app.settled().await;
}

#[tokio::test]
async fn name_with_an_invisible_character_is_422_with_the_character() {
    let app = App::new().await;
    for (letter, code) in [
        ('\u{200b}', "U+200B"),
        ('\u{ad}', "U+00AD"),
        ('\u{34f}', "U+034F"),
        ('\u{fe0f}', "U+FE0F"),
        ('\u{3164}', "U+3164"),
        ('\u{e0041}', "U+E0041"),
        ('\u{202e}', "U+202E"),
        ('\u{7}', "U+0007"),
    ] {
        let movie = json!({"movieName": format!("기생충{letter}"), "seat": "1A"});
        let seat = json!({"movieName": "기생충", "seat": format!("1{letter}A")});
        for (order, pointer) in [(movie, "/movieName"), (seat, "/seat")] {
            let answer = app.client.post("/books", order).await;
            assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{code}");
            let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
            // A list of seats is composed before it is parsed.
            assert!(detail.contains(code) || (pointer == "/seat" && detail.contains("U+1160")), "{detail}");
        }
    }
    for customer in [json!("3\u{200b}"), json!("３"), json!("\u{202e}3")] {
        let answer = app.client.post("/books", json!({"customerId": customer})).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/customerId"]), "{customer}");
    }
    assert_eq!(count(&app, "bookings").await, 0);
    app.settled().await;
}

#[tokio::test]
async fn spelling_is_stored_as_sent_and_seats_in_normal_form() {
    let app = App::new().await;
    let booked = app.client.post("/books", json!({"movieName": "Ame\u{301}lie ", "seat": "１ａ, 2b"})).await;
    assert_eq!(
        (&booked.body["movieName"], &booked.body["seat"]),
        (&json!("Ame\u{301}lie "), &json!("1A,2B"))
    );
    let find = query_as("SELECT movie_key, (SELECT MIN(place) FROM seat_claims) FROM bookings");
    let stored: (String, String) = app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap();
    assert_eq!(stored, ("amélie".to_owned(), "movie:amélie".to_owned()));
    let long = json!({"movieName": "ﷺ".repeat(12)});
    assert_eq!(
        app.client.post("/books", long).await.pointers(),
        ["/movieName"],
        "the key of the name is too long"
    );
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_may_spell_its_names_differently() {
    let app = App::new().await;
    let key = [("idempotency-key", "k-1")];
    let first = app.client.post_with("/books", order(SPELLINGS[0]), &key).await;
    assert_eq!(first.status, 201);
    for spelling in SPELLINGS {
        let again = app.client.post_with("/books", order(spelling), &key).await;
        assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "{spelling:?}");
    }
    let unseen = json!({"movieName": "Otter Lake 기생충\u{200b}", "seat": "3C"});
    let answer = app.client.post_with("/books", unseen, &key).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"));
    app.settled().await;
}

#[tokio::test]
async fn movie_of_another_screening_is_422() {
    let app = App::new().await;
    let id = app.announce(small_hall()).await;
    let other = json!({"screeningId": id, "seat": "1A", "movieName": "parasite"});
    let answer = app.client.post("/books", other).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem(), answer.pointers()),
        (422, "invalid-field", vec!["/movieName"])
    );
    let spelled = json!({"screeningId": id, "seat": "１ａ", "movieName": " SOUL"});
    let booked = app.client.post("/books", spelled).await;
    assert_eq!((booked.status.as_u16(), &booked.body["movieName"]), (201, &json!("soul")));
    app.settled().await;
}

#[tokio::test]
async fn movie_needs_a_screening_until_all_of_its_screenings_have_ended() {
    let app = App::new().await;
    let key = [("idempotency-key", "k-1")];
    let order = json!({"movieName": "soul", "seat": "1A"});
    let before = app.client.post_with("/books", order.clone(), &key).await;
    assert_eq!(before.status, 201);
    app.announce(small_hall()).await;
    for spelled in ["soul", "SOUL ", "ｓｏｕｌ"] {
        for order in [json!({"movieName": spelled, "seat": "2B"}), json!({"movieName": spelled, "qty": 1})] {
            let answer = app.client.post("/books", order).await;
            assert_eq!(
                (answer.status.as_u16(), answer.problem(), answer.pointers()),
                (422, "screening-required", vec!["/screeningId"]),
                "{spelled}"
            );
        }
    }
    // The key comes first, and the booking from before stays.
    let again = app.client.post_with("/books", order, &key).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &before.body));
    assert_eq!(app.client.post("/books", json!({"movieName": "souls"})).await.status, 201);
    assert_eq!(app.client.post("/books", json!({"qty": 1})).await.status, 201);
    app.start_screening();
    for (minutes, status) in [(119, 422), (1, 201)] {
        app.scratch.clock.advance(Duration::from_secs(minutes * 60));
        let answer = app.client.post("/books", json!({"movieName": "soul", "seat": "2B"})).await;
        assert_eq!(answer.status, status);
    }
    app.settled().await;
}

fn at(theatre: &str, day: i64, time: &str) -> Value {
    json!({"movieName": "soul", "theatre": theatre, "startsAt": in_days(day, time), "capacity": 10, "price": 9000})
}

#[tokio::test]
async fn screenings_of_one_hall_keep_the_turnover_between_them() {
    let app = App::new().await;
    let id = app.announce(at("Hall 1", 7, "15:00")).await;
    for (theatre, time) in [
        ("Hall 1", "15:00"),
        ("hall 1", "15:01"),
        (" HALL\u{a0}1\n", "14:59"),
        ("Ｈａｌｌ　１", "17:14"),
        ("Hall 1", "12:46"),
        ("Hall  1", "16:00"),
    ] {
        let answer = app.announced(at(theatre, 7, time), STAFF_TOKEN).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (409, "theatre-taken"), "{theatre:?} {time}");
        assert_eq!(answer.body["screeningId"], id);
        assert!(answer.body["detail"].as_str().unwrap().contains("soul"), "{}", answer.body);
    }
    for (theatre, time) in [("Hall 1", "17:15"), ("Hall 1", "12:45"), ("Hall 2", "15:00")] {
        app.announce(at(theatre, 7, time)).await;
    }
    let rules = book::app::Rules { turnover: Duration::ZERO, ..RULES };
    let close = App::with_rules(FakeUpstream::answers(201, json!({})).await, rules).await;
    close.announce(at("Hall 1", 7, "15:00")).await;
    close.announce(at("Hall 1", 7, "17:00")).await;
    close.settled().await;
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn screenings_announced_concurrently_for_one_hall_do_not_overlap() {
    let app = App::new().await;
    let other_replica = app.now_calling(FakeUpstream::answers(201, json!({})).await);
    let announce = |number: usize| {
        let theatre = ["Hall 1", "hall 1", "Hall\u{a0}1", "ＨＡＬＬ 1"][number % 4];
        let client = [&app.client, &other_replica][number % 2];
        let screening = at(theatre, 7, &format!("15:{number:02}"));
        async move { client.post_with("/screenings", screening, &[("x-staff-token", STAFF_TOKEN)]).await }
    };
    let answers = join_all((0..40).map(announce)).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 39, "{statuses:?}");
    assert_eq!(count(&app, "screenings").await, 1);
    app.settled().await;
}

#[tokio::test]
async fn screening_starts_in_the_future_and_within_a_year() {
    let app = App::new().await;
    for starts_at in ["2020-12-01T19:30:00Z".to_owned(), in_days(-1, "12:00"), in_days(368, "12:00")] {
        let mut screening = small_hall();
        screening["startsAt"] = json!(starts_at);
        let answer = app.announced(screening, STAFF_TOKEN).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/startsAt"]), "{starts_at}");
    }
    app.announce(at("Hall 1", 364, "12:00")).await;
    app.settled().await;
}
