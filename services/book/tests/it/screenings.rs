//! The program: staff announce screenings, customers read them, and orders must fit them.

use serde_json::{Value, json};

use crate::app::{App, RULES, STAFF_TOKEN, in_days, small_hall};

#[tokio::test]
async fn only_staff_announce_screenings() {
    let app = App::new().await;
    for token in ["", "Popcorn"] {
        let answer = app.announced(small_hall(), token).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (403, "staff-only"));
    }
    assert_eq!(app.client.post("/screenings", small_hall()).await.status, 403);
    let answer = app.announced(small_hall(), STAFF_TOKEN).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("location"), "http://cinema/screenings/1");
    assert_eq!(answer.body["startsAt"], in_days(7, "19:30"));
    assert_eq!((&answer.body["capacity"], &answer.body["placesLeft"]), (&json!(4), &json!(4)));
    assert_eq!(answer.body["hall"]["rows"][0]["seats"], "A_B");
    let again = app.announced(small_hall(), STAFF_TOKEN).await;
    assert_eq!((again.status.as_u16(), again.problem()), (409, "theatre-taken"));
    app.settled().await;
}

#[tokio::test]
async fn wrong_tokens_limit_only_the_client_that_sent_them() {
    let app = App::new().await;
    let gateway = app.client.behind_a_proxy();
    let announce = async |client: &'static str, token: &'static str| {
        let headers = [("x-forwarded-for", client), ("x-staff-token", token)];
        gateway.post_with("/screenings", small_hall(), &headers).await
    };
    for _ in 0..5 {
        assert_eq!(announce("203.0.113.7", "wrong").await.status, 403);
    }
    for token in ["wrong", STAFF_TOKEN] {
        let answer = announce("203.0.113.7", token).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (429, "rate-limited"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(announce("203.0.113.8", STAFF_TOKEN).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn invalid_announcement_lists_its_fields() {
    let app = App::new().await;
    let with = |field: &str, value: Value| {
        let mut screening = small_hall();
        screening[field] = value;
        screening
    };
    for (screening, pointer) in [
        (with("movieName", json!(" ")), "/movieName"),
        (with("startsAt", json!("tomorrow")), "/startsAt"),
        (with("startsAt", json!(in_days(7, "19:30").replace(":00Z", ":60Z"))), "/startsAt"),
        (with("startsAt", json!(in_days(7, "19:30").replace('Z', "+24:00"))), "/startsAt"),
        (with("startsAt", json!(in_days(7, "19:30").replace('T', " "))), "/startsAt"),
        (with("startsAt", json!(1_796_153_400)), "/startsAt"),
        (with("startsAt", json!(null)), "/startsAt"),
        (with("hall", json!({"rows": []})), "/hall"),
        (with("hall", json!({"rows": [{"seats": "A"}]})), "/hall/rows/0/name"),
        (with("prices", json!({"standard": -1})), "/hall"),
        (with("capacity", json!(10)), "/hall"),
    ] {
        let answer = app.announced(screening.clone(), STAFF_TOKEN).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{screening}");
        assert_eq!(answer.pointers()[0], pointer, "{screening}");
    }
    app.settled().await;
}

#[tokio::test]
async fn program_is_filtered_by_movie_and_day_and_paged() {
    let app = App::new().await;
    for (movie, day) in [("soul", 2), ("parasite", 1), ("soul", 1)] {
        let mut screening = small_hall();
        screening["movieName"] = json!(movie);
        screening["theatre"] = json!(format!("Hall of {movie}"));
        screening["startsAt"] = json!(in_days(day, "19:30"));
        app.announce(screening).await;
    }
    let ids = async |query: &str| -> Vec<i64> {
        let answer = app.client.get(&format!("/screenings{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let all = answer.body["_embedded"]["screenings"].as_array().unwrap();
        all.iter().map(|screening| screening["id"].as_i64().unwrap()).collect()
    };
    assert_eq!(ids("").await, [2, 3, 1]);
    assert_eq!(ids("?movieName=soul").await, [3, 1]);
    let day = in_days(1, "").split('T').next().unwrap().to_owned();
    assert_eq!(ids(&format!("?day={day}")).await, [2, 3]);
    assert_eq!(ids(&format!("?day={day}&movieName=soul")).await, [3]);
    for spelled in ["Soul", "%20soul%0A", "%EF%BC%B3oul"] {
        assert_eq!(ids(&format!("?movieName={spelled}")).await, [3, 1], "{spelled}");
    }
    let unseen = app.client.get("/screenings?movieName=so%E2%80%8Bul").await;
    assert_eq!((unseen.status.as_u16(), unseen.pointers()), (422, vec!["/movieName"]));
    assert_eq!(ids("?size=1&page=2").await, [1]);
    let page = app.client.get("/screenings?movieName=soul&size=1").await;
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/screenings?movieName=soul&after=3&size=1");
    let wrong = app.client.get("/screenings?day=someday").await;
    assert_eq!((wrong.status.as_u16(), wrong.pointers()), (422, vec!["/day"]));
    app.settled().await;
}

#[tokio::test]
async fn seats_are_shown_with_price_and_state() {
    let app = App::new().await;
    let id = app.announce(small_hall()).await;
    assert_eq!(app.client.post("/books", json!({"screeningId": id, "seat": "1B"})).await.status, 201);
    let map = app.client.get(&format!("/screenings/{id}/seats")).await;
    let seats = map.body["seats"].as_array().unwrap();
    assert_eq!(
        seats[1],
        json!({
            "seat": "1B", "row": "1", "column": 2, "kind": "companion", "priceClass": "standard", "price": 12000,
            "state": "sold",
        })
    );
    let states: Vec<&Value> = seats.iter().map(|seat| &seat["state"]).collect();
    assert_eq!(states, ["available", "sold", "available", "available"]);
    assert_eq!(map.body["placesLeft"], 3);
    assert_eq!(map.body["_links"]["self"]["href"], format!("http://cinema/screenings/{id}/seats"));
    assert_eq!(app.client.get("/screenings/99/seats").await.status, 404);
    app.settled().await;
}

#[tokio::test]
async fn unchanged_seats_are_304() {
    let app = App::new().await;
    let id = app.announce(small_hall()).await;
    let path = format!("/screenings/{id}/seats");
    let map = app.client.get(&path).await;
    let tag = map.header("etag").to_owned();
    let again = app.client.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.header("etag"), &again.body), (304, tag.as_str(), &json!(null)));
    app.client.post("/books", json!({"screeningId": id, "seat": "2A"})).await;
    let changed = app.client.get_with(&path, &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), tag);
    app.settled().await;
}

#[tokio::test]
async fn entity_tag_is_compared_weakly_and_differs_by_representation() {
    let app = App::new().await;
    let path = format!("/screenings/{}/seats", app.announce(small_hall()).await);
    let hal = app.client.get(&path).await.header("etag").to_owned();
    let json = app.client.get_with(&path, &[("accept", "application/json")]).await;
    assert_ne!(json.header("etag"), hal);
    assert_eq!((json.header("vary"), json.header("cache-control")), ("accept", "no-cache"));
    let (listed, weak) = (format!("\"x\", {hal}"), format!("W/{hal}"));
    for known in ["*", &hal, &listed, &weak] {
        let answer =
            app.client.get_with(&path, &[("if-none-match", "\"y\""), ("if-none-match", known)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("etag")), (304, hal.as_str()), "{known}");
        assert_eq!((answer.header("vary"), answer.header("cache-control")), ("accept", "no-cache"));
    }
    // The tag does not match the other representation.
    let other = app.client.get_with(&path, &[("accept", "application/json"), ("if-none-match", &hal)]).await;
    assert_eq!(other.status, 200);
    app.settled().await;
}

#[tokio::test]
async fn order_must_fit_its_screening() {
    let app = App::new().await;
    let id = app.announce(small_hall()).await;
    let booked = app.client.post("/books", json!({"screeningId": id.to_string(), "seat": "1a,2a"})).await;
    assert_eq!(booked.status, 201, "{}", booked.body);
    assert_eq!(booked.body["totalPrice"], 27_000);
    assert_eq!((&booked.body["movieName"], &booked.body["screeningId"]), (&json!("soul"), &json!(id)));
    for (order, pointer) in [
        (json!({"screeningId": id, "seat": "9Z"}), "/seat"),
        (json!({"screeningId": id, "qty": 2}), "/seat"),
        (json!({"screeningId": id, "seat": "2B", "totalPrice": 1}), "/totalPrice"),
        (json!({"screeningId": id, "seat": "2B", "movieName": "parasite"}), "/movieName"),
        (json!({"screeningId": 99, "seat": "2B"}), "/screeningId"),
        (json!({"screeningId": 0, "seat": "2B"}), "/screeningId"),
    ] {
        let answer = app.client.post("/books", order.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{order}");
    }
    assert_eq!(app.payment.requests().len(), 1);
    app.settled().await;
}

#[tokio::test]
async fn started_screening_cannot_be_booked() {
    let app = App::new().await;
    let id = app.announce(small_hall()).await;
    app.start_screening();
    let answer = app.client.post("/books", json!({"screeningId": id, "seat": "1A"})).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "screening-started"));
    app.settled().await;
}

#[tokio::test]
async fn demo_program_is_announced_once() {
    let app = App::new().await;
    for _ in 0..2 {
        book::demo_data::announce(&app.scratch.db, &RULES).await.unwrap();
    }
    let broker = app.client.get("/screenings?movieName=broker&size=100").await;
    let total = broker.body["page"]["totalElements"].as_i64().unwrap();
    assert!((12..=14).contains(&total), "{total}");
    let all = app.client.get("/screenings").await;
    assert!(all.body["_embedded"]["screenings"][0]["placesLeft"].as_i64().unwrap() > 20);
    app.settled().await;
}
