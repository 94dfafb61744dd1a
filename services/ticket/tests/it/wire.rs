//! The form of responses: HAL, pages, problems.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use test_kit::log::assert_names_booking;
use test_kit::snapshot::assert_openapi;

use crate::app::{App, booked, outcome};

#[tokio::test]
async fn search_by_booking_returns_a_collection() {
    let app = App::new().await;
    app.deliver(booked(7)).await;
    let path = "/tickets/search/findByBookingId?bookingId=";
    let found = app.client.get(&format!("{path}7")).await;
    assert_eq!(found.header("content-type"), "application/hal+json");
    assert_eq!(found.body["_embedded"]["tickets"][0]["bookingId"], 7);
    assert_eq!(found.body["_links"]["self"]["href"], format!("http://cinema{path}7"));
    let none = app.client.get(&format!("{path}8")).await;
    assert_eq!((none.status.as_u16(), &none.body["_embedded"]["tickets"]), (200, &json!([])));
    for wrong in ["", "?bookingId=", "?bookingId=abc", "?bookingId=0", "?bookingId=-1", "?bookingId=1e30"] {
        let answer = app.client.get(&format!("/tickets/search/findByBookingId{wrong}")).await;
        assert_eq!(
            (outcome(&answer), answer.pointers()),
            ((422, "invalid-field"), vec!["/bookingId"]),
            "{wrong}"
        );
    }
    app.settled().await;
}

#[tokio::test]
async fn tickets_are_listed_in_pages() {
    let app = App::new().await;
    for id in [5, 3, 1, 4, 2] {
        app.deliver(booked(id)).await;
    }
    let page = app.client.get("/tickets?page=1&size=2").await;
    let ids: Vec<&Value> =
        page.body["_embedded"]["tickets"].as_array().unwrap().iter().map(|ticket| &ticket["id"]).collect();
    assert_eq!(ids, [3, 4]);
    assert_eq!(page.body["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/tickets?after=4&size=2");
    for (query, pointer) in
        [("size=0", "/size"), ("size=101", "/size"), ("page=-1", "/page"), ("page=x", "/page")]
    {
        let answer = app.client.get(&format!("/tickets?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{query}");
    }
    app.settled().await;
}

#[tokio::test]
async fn body_that_is_not_json_or_too_large_is_refused_and_changes_nothing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let patch = |kind: &'static str, body: Vec<u8>| {
        let request = Request::builder()
            .method(Method::PATCH)
            .uri("/tickets/1")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        app.client.send(request)
    };
    let answer = patch("application/json", b"{\"status\": ".to_vec()).await;
    assert_eq!(outcome(&answer), (400, "malformed-body"));
    let answer = patch("text/plain", b"{}".to_vec()).await;
    assert_eq!(outcome(&answer), (415, "unsupported-media-type"));
    let answer = patch("application/json", vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!(outcome(&answer), (413, "body-too-large"));
    let answer = patch("application/json", b"[\"Printed\"]".to_vec()).await;
    assert_eq!((outcome(&answer), answer.pointers()), ((422, "invalid-field"), vec![""]));
    assert_eq!(app.status(1).await, "Waiting");
    app.settled().await;
}

#[tokio::test]
async fn unknown_ids_are_404() {
    let app = App::new().await;
    for id in ["1", "0", "-1", "abc", "1000000000000000000000000000000", "1.5"] {
        let path = format!("/tickets/{id}");
        let shown = app.client.get(&path).await;
        assert_eq!(outcome(&shown), (404, "not-found"), "{id}");
        let collected = app.client.patch(&path, json!({"status": "Printed"})).await;
        assert_eq!(outcome(&collected), (404, "not-found"), "{id}");
    }
    assert_eq!(app.client.get("/tickets").await.body["page"]["totalElements"], 0);
    app.settled().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new().await;
    for path in ["/movies", "/tickets/1/points", "/tickets/search/findByMovie"] {
        assert_eq!(outcome(&app.client.get(path).await), (404, "not-found"), "{path}");
    }
    for path in ["/tickets", "/tickets/1", "/tickets/search/findByBookingId"] {
        let answer = app.client.post(path, json!({})).await;
        assert_eq!(outcome(&answer), (405, "method-not-allowed"), "{path}");
    }
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
    let answer = app.client.behind_a_proxy().get_with("/tickets/1", &forwarded).await;
    assert_eq!(answer.body["_links"]["self"]["href"], "https://movies.example/tickets/1");
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
        app.client.get("/tickets/search/findByBookingId?bookingId=7"),
        "/tickets/search/findByBookingId",
        7,
    )
    .await;
}
