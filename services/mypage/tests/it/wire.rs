//! The form of responses: HAL, pages, problems.

use serde_json::{Value, json};
use test_kit::Answer;
use test_kit::log::assert_names_booking;
use test_kit::snapshot::assert_openapi;

use crate::app::{App, booked, booked_by, created, paid, story};

fn outcome(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.problem())
}

fn ids(list: &Answer) -> Vec<i64> {
    let mypages = list.body["_embedded"]["mypages"].as_array().unwrap();
    mypages.iter().map(|mypage| mypage["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn bookings_are_listed_in_pages_with_their_timelines() {
    let app = App::new().await;
    for id in [5, 3, 1, 4, 2] {
        app.deliver(booked(id)).await;
        app.deliver(created(id)).await;
    }
    app.deliver(paid(3)).await;
    app.deliver(paid(6)).await;
    let page = app.client.get("/mypages?page=1&size=2").await;
    assert_eq!(page.header("content-type"), "application/hal+json");
    assert_eq!(ids(&page), [3, 4]);
    let mypages = &page.body["_embedded"]["mypages"];
    assert_eq!(story(&mypages[0]), ["Paid", "Booked", "Created"]);
    assert_eq!(story(&mypages[1]), ["Booked", "Created"]);
    assert_eq!(mypages[1]["_links"]["self"]["href"], "http://cinema/mypages/4");
    assert_eq!(page.body["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/mypages?after=4&size=2");
    app.settled().await;
}

#[tokio::test]
async fn list_of_one_customer_has_only_their_bookings_on_every_page() {
    let app = App::new().await;
    for (id, customer) in [(1, 33), (2, 7), (3, 33), (4, 33)] {
        app.deliver(booked_by(id, customer)).await;
    }
    let page = app.client.get("/mypages?customerId=33&size=2").await;
    assert_eq!(ids(&page), [1, 3]);
    assert_eq!(page.body["page"]["totalElements"], 3);
    let next = page.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!(next, "http://cinema/mypages?customerId=33&after=3&size=2");
    let next = app.client.get(next.trim_start_matches("http://cinema")).await;
    assert_eq!(ids(&next), [4]);
    let nobody = app.client.get("/mypages?customerId=8").await;
    assert_eq!((ids(&nobody), &nobody.body["page"]["totalElements"]), (vec![], &json!(0)));
    app.settled().await;
}

#[tokio::test]
async fn search_by_booking_returns_a_collection() {
    let app = App::new().await;
    app.deliver(booked(7)).await;
    let path = "/mypages/search/findByBookingId?bookingId=";
    let found = app.client.get(&format!("{path}7")).await;
    assert_eq!(ids(&found), [7]);
    assert_eq!(found.body["_embedded"]["mypages"][0], app.mypage(7).await);
    assert_eq!(found.body["_links"]["self"]["href"], format!("http://cinema{path}7"));
    let none = app.client.get(&format!("{path}8")).await;
    assert_eq!((none.status.as_u16(), ids(&none)), (200, vec![]));
    app.settled().await;
}

#[tokio::test]
async fn invalid_parameters_are_listed() {
    let app = App::new().await;
    let find = "/mypages/search/findByBookingId";
    for (path, pointer) in [
        ("/mypages?size=0".to_owned(), "/size"),
        ("/mypages?size=101".to_owned(), "/size"),
        ("/mypages?page=-1".to_owned(), "/page"),
        ("/mypages?page=x".to_owned(), "/page"),
        ("/mypages?customerId=".to_owned(), "/customerId"),
        ("/mypages?customerId=0".to_owned(), "/customerId"),
        ("/mypages?customerId=abc".to_owned(), "/customerId"),
        ("/mypages?customerId=1000000000000000000000000000000".to_owned(), "/customerId"),
        (find.to_owned(), "/bookingId"),
        (format!("{find}?bookingId="), "/bookingId"),
        (format!("{find}?bookingId=abc"), "/bookingId"),
        (format!("{find}?bookingId=-1"), "/bookingId"),
        (format!("{find}?bookingId=1.5"), "/bookingId"),
    ] {
        let answer = app.client.get(&path).await;
        assert_eq!((outcome(&answer), answer.pointers()), ((422, "invalid-field"), vec![pointer]), "{path}");
    }
    app.settled().await;
}

#[tokio::test]
async fn unknown_ids_are_404() {
    let app = App::new().await;
    for id in ["1", "0", "-1", "abc", "1000000000000000000000000000000", "1.5"] {
        let answer = app.client.get(&format!("/mypages/{id}")).await;
        assert_eq!(outcome(&answer), (404, "not-found"), "{id}");
    }
    app.settled().await;
}

#[tokio::test]
async fn writes_are_405_and_unknown_paths_are_404() {
    let app = App::new().await;
    for path in ["/mypages", "/mypages/1", "/mypages/search/findByBookingId"] {
        let answer = app.client.post(path, json!({"bookingId": 1})).await;
        assert_eq!(outcome(&answer), (405, "method-not-allowed"), "{path}");
        let answer = app.client.patch(path, json!({"status": "Printed"})).await;
        assert_eq!(outcome(&answer), (405, "method-not-allowed"), "{path}");
        let answer = app.client.delete(path).await;
        assert_eq!(outcome(&answer), (405, "method-not-allowed"), "{path}");
    }
    for path in ["/movies", "/mypages/1/story"] {
        assert_eq!(outcome(&app.client.get(path).await), (404, "not-found"), "{path}");
    }
    assert_eq!(app.client.get("/mypages").await.body["page"]["totalElements"], 0);
    app.settled().await;
}

#[tokio::test]
async fn fields_that_an_older_writer_omits_are_null() {
    let app = App::new().await;
    let mut bare = booked(1);
    (bare.qty, bare.seat, bare.movie_name) = (None, None, None);
    (bare.customer_id, bare.total_price) = (None, None);
    app.deliver(bare).await;
    let mypage = app.mypage(1).await;
    for field in ["qty", "seat", "movieName", "customerId", "price"] {
        assert_eq!(mypage[field], Value::Null, "{field}");
    }
    assert_eq!(mypage["status"], "Booked");
    app.settled().await;
}

#[tokio::test]
async fn links_follow_the_gateway_and_the_media_type_follows_accept() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let forwarded = [
        ("x-forwarded-host", "movies.example"),
        ("x-forwarded-proto", "HTTPS"),
        ("accept", "application/json"),
    ];
    let answer = app.client.behind_a_proxy().get_with("/mypages/1", &forwarded).await;
    assert_eq!(answer.body["_links"]["self"]["href"], "https://movies.example/mypages/1");
    assert_eq!(answer.header("content-type"), "application/json");
    app.settled().await;
}

#[tokio::test]
async fn openapi_description_is_the_reviewed_one() {
    let app = App::new().await;
    let description = app.client.get("/api-docs/openapi.json").await.body;
    assert_openapi(env!("CARGO_MANIFEST_DIR"), &description);
}

#[tokio::test]
async fn log_line_of_a_request_names_its_booking() {
    let app = App::new().await;
    assert_names_booking(
        app.client.get("/mypages/search/findByBookingId?bookingId=7"),
        "/mypages/search/findByBookingId",
        7,
    )
    .await;
}
