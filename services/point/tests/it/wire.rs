//! The form of responses: HAL, pages, problems.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use test_kit::log::assert_names_booking;
use test_kit::snapshot::assert_openapi;

use crate::app::{App, created};

#[tokio::test]
async fn invalid_fields_are_listed_and_leave_no_row() {
    let app = App::new().await;
    let table: [(Value, &[&str]); 22] = [
        (json!({}), &["/bookingId"]),
        (json!({"bookingId": null}), &["/bookingId"]),
        (json!({"bookingId": 0}), &["/bookingId"]),
        (json!({"bookingId": -1}), &["/bookingId"]),
        (json!({"bookingId": "abc"}), &["/bookingId"]),
        (json!({"bookingId": 1.5}), &["/bookingId"]),
        (json!({"bookingId": 1e30}), &["/bookingId"]),
        (json!({"bookingId": {}}), &["/bookingId"]),
        (json!({"bookingId": 1, "score": 0}), &["/score"]),
        (json!({"bookingId": 1, "score": -1}), &["/score"]),
        (json!({"bookingId": 1, "score": 10_001}), &["/score"]),
        (json!({"bookingId": 1, "score": "abc"}), &["/score"]),
        (json!({"bookingId": 1, "score": 1.5}), &["/score"]),
        (json!({"bookingId": 1, "score": 1e30}), &["/score"]),
        (json!({"bookingId": 1, "status": "Waiting Point"}), &["/status"]),
        (json!({"bookingId": 1, "status": ""}), &["/status"]),
        (json!({"bookingId": 1, "contents": []}), &["/contents"]),
        (json!({"bookingId": 1, "contents": "x".repeat(201)}), &["/contents"]),
        (json!({"bookingId": 1, "customerId": 0}), &["/customerId"]),
        (json!({"bookingId": 1, "customerId": "abc"}), &["/customerId"]),
        (json!({"score": 0, "status": "x"}), &["/bookingId", "/score", "/status"]),
        (json!(["bookingId", 1]), &[""]),
    ];
    for (body, pointers) in table {
        let answer = app.client.post("/points", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{body}");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    assert_eq!(app.total().await, 0);
    assert_eq!(app.published().await, [""; 0]);
    app.settled().await;
}

#[tokio::test]
async fn body_that_is_not_json_or_too_large_is_refused() {
    let app = App::new().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/points")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        app.client.send(request)
    };
    let answer = post("application/json", b"{\"bookingId\": ".to_vec()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (400, "malformed-body"));
    let answer = post("text/plain", b"{}".to_vec()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (415, "unsupported-media-type"));
    let answer = post("application/json", vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (413, "body-too-large"));
    assert_eq!(app.total().await, 0);
    app.settled().await;
}

#[tokio::test]
async fn unknown_ids_are_404() {
    let app = App::new().await;
    for id in ["1", "0", "-1", "abc", "1000000000000000000000000000000", "1.5"] {
        let answer = app.client.get(&format!("/points/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{id}");
        assert_eq!(answer.body["instance"], format!("/points/{id}"));
    }
    app.settled().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new().await;
    let granted = app.grant(json!({"bookingId": 1})).await.body;
    let answer = app.client.get("/points/search/findByName").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    for answer in [
        app.client.patch("/points/1", json!({"score": 200})).await,
        app.client.delete("/points/1").await,
        app.client.post("/points/balance", json!({})).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.problem()), (405, "method-not-allowed"));
    }
    assert_eq!(app.rows(1).await, [granted]);
    app.settled().await;
}

#[tokio::test]
async fn ledger_is_listed_in_pages() {
    let app = App::new().await;
    for booking in 11..=15 {
        app.deliver(created(booking)).await;
    }
    let page = app.client.get("/points?page=1&size=2").await;
    assert_eq!(page.header("content-type"), "application/hal+json");
    let bookings: Vec<&Value> = page.body["_embedded"]["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| &point["bookingId"])
        .collect();
    assert_eq!(bookings, [13, 14]);
    assert_eq!(page.body["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/points?after=4&size=2");
    for (query, pointer) in
        [("size=0", "/size"), ("size=101", "/size"), ("page=-1", "/page"), ("page=x", "/page")]
    {
        let answer = app.client.get(&format!("/points?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{query}");
    }
    app.settled().await;
}

#[tokio::test]
async fn search_by_booking_returns_its_rows_or_an_empty_list() {
    let app = App::new().await;
    let granted = app.grant(json!({"bookingId": 5})).await.body;
    let path = "/points/search/findByBookingId?bookingId=";
    for (booking, points) in [(5, json!([granted])), (6, json!([]))] {
        let answer = app.client.get(&format!("{path}{booking}")).await;
        assert_eq!(answer.header("content-type"), "application/hal+json");
        let link = json!({"href": format!("http://cinema{path}{booking}")});
        let expected = json!({"_embedded": {"points": points}, "_links": {"self": link}});
        assert_eq!((answer.status.as_u16(), answer.body), (200, expected));
    }
    app.settled().await;
}

#[tokio::test]
async fn missing_or_invalid_id_in_the_query_is_422_with_its_name() {
    let app = App::new().await;
    for (path, name, pointer) in [
        ("/points/search/findByBookingId", "bookingId", "/bookingId"),
        ("/points/balance", "customerId", "/customerId"),
    ] {
        for query in ["", "?other=5", &format!("?{name}="), &format!("?{name}=0"), &format!("?{name}=abc")] {
            let answer = app.client.get(&format!("{path}{query}")).await;
            assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{path}{query}");
        }
    }
    app.settled().await;
}

#[tokio::test]
async fn links_follow_the_gateway_and_the_media_type_follows_accept() {
    let app = App::new().await;
    app.grant(json!({"bookingId": 1, "customerId": 33})).await;
    let forwarded = [
        ("x-forwarded-host", "movies.example:8088"),
        ("x-forwarded-proto", "HTTPS"),
        ("accept", "application/json, */*;q=0.5"),
    ];
    let answer = app.client.behind_a_proxy().get_with("/points/1", &forwarded).await;
    assert_eq!(answer.body["_links"]["self"]["href"], "https://movies.example:8088/points/1");
    for path in ["/points/1", "/points/search/findByBookingId?bookingId=1", "/points/balance?customerId=33"] {
        let answer = app.client.get_with(path, &forwarded).await;
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
    }
    app.settled().await;
}

#[tokio::test]
async fn probes_answer() {
    let app = App::new().await;
    for path in ["/livez", "/readyz", "/actuator/health"] {
        let answer = app.client.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("UP")), "{path}");
    }
    assert_eq!(app.client.get("/metrics").await.status, 200);
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
        app.client.get("/points/search/findByBookingId?bookingId=7"),
        "/points/search/findByBookingId",
        7,
    )
    .await;
}
