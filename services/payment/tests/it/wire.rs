//! HAL, pages and problems on the wire.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use test_kit::log::assert_names_booking;
use test_kit::snapshot::assert_openapi;

use crate::app::{App, payment_request};

#[tokio::test]
async fn invalid_fields_are_listed_and_nothing_is_recorded() {
    let app = App::new().await;
    let table: [(Value, &[&str]); 18] = [
        (json!({}), &["/bookingId"]),
        (json!({"bookingId": null}), &["/bookingId"]),
        (json!({"bookingId": 0}), &["/bookingId"]),
        (json!({"bookingId": -1}), &["/bookingId"]),
        (json!({"bookingId": "abc"}), &["/bookingId"]),
        (json!({"bookingId": 1.5}), &["/bookingId"]),
        (json!({"bookingId": 1e30}), &["/bookingId"]),
        (json!({"bookingId": [1]}), &["/bookingId"]),
        (json!({"bookingId": 1, "totalPrice": -1}), &["/totalPrice"]),
        (json!({"bookingId": 1, "totalPrice": "abc"}), &["/totalPrice"]),
        (json!({"bookingId": 1, "totalPrice": 0.5}), &["/totalPrice"]),
        (json!({"bookingId": 1, "totalPrice": 1e30}), &["/totalPrice"]),
        (json!({"bookingId": 1, "status": "Canceled"}), &["/status"]),
        (json!({"bookingId": 1, "status": ""}), &["/status"]),
        (json!({"bookingId": 1, "status": {}}), &["/status"]),
        (json!({"status": "x", "totalPrice": -1}), &["/bookingId", "/status", "/totalPrice"]),
        (json!(["bookingId", 1]), &[""]),
        (json!("Paid"), &[""]),
    ];
    for (body, pointers) in table {
        let answer = app.client.post("/payments", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{body}");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    for body in [json!({}), json!({"bookingId": 0}), json!({"bookingId": "x"})] {
        let answer = app.client.post("/cancellations", body.clone()).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.pointers(), ["/bookingId"], "{body}");
    }
    assert_eq!(app.total().await, 0);
    assert_eq!(app.published().await, [""; 0]);
    app.settled().await;
}

#[tokio::test]
async fn body_that_is_not_json_or_too_large_is_refused() {
    let app = App::new().await;
    let post = |path: &'static str, kind: &'static str, body: Vec<u8>| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        app.client.send(request)
    };
    for path in ["/payments", "/cancellations"] {
        let answer = post(path, "application/json", b"{\"bookingId\": ".to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (400, "malformed-body"));
        let answer = post(path, "text/plain", b"{}".to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (415, "unsupported-media-type"));
        let answer = post(path, "application/json", vec![b' '; 2 * 1024 * 1024]).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (413, "body-too-large"));
    }
    assert_eq!(app.total().await, 0);
    app.settled().await;
}

#[tokio::test]
async fn unknown_id_is_404() {
    let app = App::new().await;
    for id in ["1", "0", "-1", "abc", "1000000000000000000000000000000", "1.5"] {
        let answer = app.client.get(&format!("/payments/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{id}");
        assert_eq!(answer.body["instance"], format!("/payments/{id}"));
    }
    app.settled().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new().await;
    app.pay(1).await;
    let answer = app.client.get("/payments/search/findByName").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    for answer in [
        app.client.patch("/payments/1", json!({"status": "Canceled"})).await,
        app.client.delete("/payments/1").await,
        app.client.get("/cancellations").await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.problem()), (405, "method-not-allowed"));
    }
    assert_eq!(app.status(1).await, "Paid");
    app.settled().await;
}

#[tokio::test]
async fn payments_are_listed_in_pages() {
    let app = App::new().await;
    for booking in 11..=15 {
        app.pay(booking).await;
    }
    let page = app.client.get("/payments?page=1&size=2").await;
    assert_eq!(page.header("content-type"), "application/hal+json");
    let bookings: Vec<&Value> = page.body["_embedded"]["payments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|payment| &payment["bookingId"])
        .collect();
    assert_eq!(bookings, [13, 14]);
    assert_eq!(page.body["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/payments?after=4&size=2");
    for (query, pointer) in
        [("size=0", "/size"), ("size=101", "/size"), ("page=-1", "/page"), ("page=x", "/page")]
    {
        let answer = app.client.get(&format!("/payments?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{query}");
    }
    app.settled().await;
}

#[tokio::test]
async fn search_by_booking_returns_its_payment_or_an_empty_list() {
    let app = App::new().await;
    let paid = app.pay(5).await.body;
    let path = "/payments/search/findByBookingId?bookingId=";
    for (booking, payments) in [(5, json!([paid])), (6, json!([]))] {
        let answer = app.client.get(&format!("{path}{booking}")).await;
        assert_eq!(answer.header("content-type"), "application/hal+json");
        let link = json!({"href": format!("http://cinema{path}{booking}")});
        let expected = json!({"_embedded": {"payments": payments}, "_links": {"self": link}});
        assert_eq!((answer.status.as_u16(), answer.body), (200, expected));
    }
    for query in ["", "?bookingId=", "?bookingId=0", "?bookingId=abc", "?id=5"] {
        let answer = app.client.get(&format!("/payments/search/findByBookingId{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/bookingId"]), "{query}");
    }
    app.settled().await;
}

#[tokio::test]
async fn links_follow_the_forwarded_headers_and_the_media_type_follows_accept() {
    let app = App::new().await;
    app.client.post("/payments", payment_request(1, 0)).await;
    let forwarded = [
        ("x-forwarded-host", "movies.example:8088"),
        ("x-forwarded-proto", "HTTPS"),
        ("accept", "application/json, */*;q=0.5"),
    ];
    let answer = app.client.behind_a_proxy().get_with("/payments/1", &forwarded).await;
    assert_eq!(answer.body["_links"]["self"]["href"], "https://movies.example:8088/payments/1");
    assert_eq!(answer.header("content-type"), "application/json");
    let path = "/payments/search/findByBookingId?bookingId=1";
    let list = app.client.get_with(path, &[("accept", "application/json")]).await;
    assert_eq!(list.header("content-type"), "application/json");
    app.settled().await;
}

#[tokio::test]
async fn probes_respond() {
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
        app.client.get("/payments/search/findByBookingId?bookingId=7"),
        "/payments/search/findByBookingId",
        7,
    )
    .await;
}
