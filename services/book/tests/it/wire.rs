//! HAL, pages and problems.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use test_kit::log::assert_names_booking;
use test_kit::snapshot::assert_openapi;

use crate::app::{App, in_days, soul};

#[tokio::test]
async fn invalid_fields_are_listed_and_leave_no_row() {
    let app = App::new().await;
    let table: [(Value, &[&str]); 28] = [
        (json!({"qty": 0}), &["/qty"]),
        (json!({"qty": -1}), &["/qty"]),
        (json!({"qty": 21}), &["/qty"]),
        (json!({"qty": "abc"}), &["/qty"]),
        (json!({"qty": 1.5}), &["/qty"]),
        (json!({"qty": 1e30}), &["/qty"]),
        (json!({"qty": [1]}), &["/qty"]),
        (json!({"totalPrice": -1}), &["/totalPrice"]),
        (json!({"customerId": 0}), &["/customerId"]),
        (json!({"seat": "1A,1a"}), &["/seat"]),
        (json!({"seat": "1A,,2B"}), &["/seat"]),
        (json!({"seat": ""}), &["/seat"]),
        (json!({"seat": "1 A"}), &["/seat"]),
        (json!({"seat": "1A;2B"}), &["/seat"]),
        (json!({"seat": "1A\n2B"}), &["/seat"]),
        (json!({"seat": "1-A"}), &["/seat"]),
        (json!({"seat": true}), &["/seat"]),
        (json!({"seat": 1.5}), &["/seat"]),
        (json!({"movieName": true}), &["/movieName"]),
        (json!({"movieName": "so\u{2800}ul"}), &["/movieName"]),
        (json!({"movieName": "so\u{fffc}ul"}), &["/movieName"]),
        (json!({"movieName": "so\u{e000}ul"}), &["/movieName"]),
        (json!({"payLater": 1}), &["/payLater"]),
        (json!({"seat": "1A,2B", "qty": 3}), &["/qty"]),
        (json!({"movieName": "  "}), &["/movieName"]),
        (json!({"movieName": "x".repeat(201)}), &["/movieName"]),
        (json!({"qty": 0, "totalPrice": -1}), &["/qty", "/totalPrice"]),
        (json!(["qty", 2]), &[""]),
    ];
    for (body, pointers) in table {
        let answer = app.client.post("/books", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{body}");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 0);
    app.settled().await;
}

#[tokio::test]
async fn body_that_is_not_json_or_too_large_is_refused() {
    let app = App::new().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/books")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        app.client.send(request)
    };
    let answer = post("application/json", b"{\"qty\": ".to_vec()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (400, "malformed-body"));
    let answer = post("text/plain", b"{}".to_vec()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (415, "unsupported-media-type"));
    let answer = post("application/json", vec![b' '; 16 * 1024 + 1]).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (413, "body-too-large"));
    let answer = post("application/json; charset=utf-8", soul().to_string().into_bytes()).await;
    assert_eq!(answer.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn unknown_ids_are_404() {
    let app = App::new().await;
    for id in ["1", "0", "-1", "abc", "1000000000000000000000000000000", "1.5"] {
        let answer = app.client.get(&format!("/books/{id}")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{id}");
        assert_eq!(answer.body["instance"], format!("/books/{id}"));
    }
    app.settled().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new().await;
    let answer = app.client.get("/movies").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    let answer = app.client.patch("/books", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (405, "method-not-allowed"));
    let mut allowed: Vec<&str> = answer.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    app.settled().await;
}

#[tokio::test]
async fn bookings_are_listed_in_pages() {
    let app = App::new().await;
    for _ in 0..5 {
        app.client.post("/books", json!({"qty": 1, "customerId": 33})).await;
    }
    let page = app.client.get("/books?page=1&size=2").await;
    assert_eq!(page.header("content-type"), "application/hal+json");
    let ids: Vec<&Value> =
        page.body["_embedded"]["books"].as_array().unwrap().iter().map(|book| &book["id"]).collect();
    assert_eq!(ids, [3, 4]);
    assert_eq!(page.body["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(page.body["_links"]["next"]["href"], "http://cinema/books?after=4&size=2");
    let own = app.client.get("/books?customerId=33&size=2").await;
    assert_eq!(own.body["page"]["totalElements"], 5);
    assert_eq!(own.body["_links"]["next"]["href"], "http://cinema/books?customerId=33&after=2&size=2");
    assert_eq!(app.client.get("/books?customerId=34").await.body["page"]["totalElements"], 0);
    for (query, pointer) in [
        ("customerId=0", "/customerId"),
        ("size=0", "/size"),
        ("size=101", "/size"),
        ("page=-1", "/page"),
        ("page=x", "/page"),
    ] {
        let answer = app.client.get(&format!("/books?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec![pointer]), "{query}");
    }
    app.settled().await;
}

#[tokio::test]
async fn links_follow_the_gateway_and_the_media_type_follows_accept() {
    let app = App::new().await;
    app.book().await;
    let forwarded = [
        ("x-forwarded-host", "movies.example:8088"),
        ("x-forwarded-proto", "HTTPS"),
        ("accept", "application/json, */*;q=0.5"),
    ];
    let answer = app.client.behind_a_proxy().get_with("/books/1", &forwarded).await;
    assert_eq!(answer.body["_links"]["self"]["href"], "https://movies.example:8088/books/1");
    assert_eq!(answer.header("content-type"), "application/json");
    // From a client that is not a trusted proxy, the headers are ignored.
    let own = app.client.get_with("/books/1", &forwarded).await;
    assert_eq!(own.body["_links"]["self"]["href"], "http://cinema/books/1");
    // A proxy that sends no host, or one that is not valid in a link.
    for reported in [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-host", "a/b?c")] {
        let relative = app.client.behind_a_proxy().get_with("/books/1", &[reported]).await;
        assert_eq!(relative.body["_links"]["self"]["href"], "/books/1");
    }
    let hal = app.client.get_with("/books/1", &[("accept", "application/hal+json, application/json")]).await;
    assert_eq!(hal.header("content-type"), "application/hal+json");
    app.settled().await;
}

#[tokio::test]
async fn request_keeps_its_id_and_its_trace() {
    let app = App::new().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("x-request-id", "mine-1"), ("traceparent", trace)];
    let answer = app.client.get_with("/books/404", &headers).await;
    assert_eq!(answer.header("x-request-id"), "mine-1");
    assert_eq!(answer.body["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let answer = app.client.get_with("/books/404", &[("x-request-id", "not mine")]).await;
    assert_eq!(answer.header("x-request-id").len(), 36);
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
async fn text_with_nul_is_422_with_the_parameter() {
    let app = App::new().await;
    for (path, pointer) in [
        ("/screenings?movieName=a%00b", "/movieName"),
        ("/screenings?day=2026-12-01%00", "/day"),
        ("/books?customerId=1%00", "/customerId"),
        ("/books?page=%00", "/page"),
    ] {
        let answer = app.client.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{path}");
        assert_eq!(answer.pointers(), [pointer], "{path}");
    }
    for body in [json!({"movieName": "a\0b"}), json!({"movieName": "soul", "seat": "1A\0"})] {
        let answer = app.client.post("/books", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{body}");
    }
    for path in ["/books/%00", "/screenings/1%00", "/screenings/%00/seats"] {
        assert_eq!(app.client.get(path).await.status, 404, "{path}");
    }
    app.settled().await;
}

#[tokio::test]
async fn openapi_description_is_the_reviewed_one() {
    let app = App::new().await;
    let description = app.client.get("/api-docs/openapi.json").await.body;
    assert_openapi(env!("CARGO_MANIFEST_DIR"), &description);
}

#[tokio::test]
async fn examples_of_the_description_are_accepted() {
    let app = App::new().await;
    let description = app.client.get("/api-docs/openapi.json").await.body;
    let example = |request: &str| description["components"]["schemas"][request]["example"].clone();
    // Its date is in the past one day.
    let mut screening = example("ScreeningRequest");
    screening["startsAt"] = json!(in_days(7, "19:30"));
    app.announce(screening).await;
    for _ in 0..2 {
        let answer = app.client.post("/books", example("BookRequest")).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    app.settled().await;
}

#[tokio::test]
async fn answer_has_exactly_the_described_properties() {
    let app = App::new().await;
    let description = app.client.get("/api-docs/openapi.json").await.body;
    let id = app.book().await;
    let book = app.client.get(&format!("/books/{id}")).await.body;
    let schema = &description["components"]["schemas"]["Book"];
    for (name, value) in book.as_object().unwrap() {
        assert!(schema["properties"].get(name).is_some(), "{name}");
        assert!(!value.is_null() || schema["properties"][name]["type"][1] == "null", "{name}");
    }
    for name in schema["required"].as_array().unwrap() {
        assert!(book.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    let statuses = description["components"]["schemas"]["BookStatus"]["enum"].as_array().unwrap();
    assert!(statuses.contains(&book["status"]), "{statuses:?}");
    app.settled().await;
}

#[tokio::test]
async fn only_a_screening_may_be_large() {
    let app = App::new().await;
    let spaces = |bytes: usize| " ".repeat(bytes);
    for (path, limit) in [("/screenings", 256 * 1024), ("/books/1/payment", 16 * 1024), ("/books", 16 * 1024)]
    {
        for (bytes, status) in [(limit, 400), (limit + 1, 413)] {
            let request = Request::post(path).header("content-type", "application/json");
            let answer = app.client.send(request.body(Body::from(spaces(bytes))).unwrap()).await;
            assert_eq!(answer.status, status, "{path}: {bytes}");
        }
    }
    app.settled().await;
}

#[tokio::test]
async fn no_form_of_another_site_can_pay_or_cancel() {
    let app = App::new().await;
    let id = app.book().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        for (method, path) in
            [(Method::POST, format!("/books/{id}/payment")), (Method::DELETE, format!("/books/{id}"))]
        {
            let request = Request::builder().method(method).uri(path).header("content-type", kind);
            let answer = app.client.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!((answer.status.as_u16(), answer.problem()), (415, "unsupported-media-type"), "{kind}");
        }
    }
    for request in [Request::builder(), Request::builder().header("content-type", "application/json")] {
        let request = request.method(Method::POST).uri(format!("/books/{id}/payment"));
        assert_eq!(app.client.send(request.body(Body::empty()).unwrap()).await.status, 201);
    }
    app.settled().await;
}

#[tokio::test]
async fn ids_in_paths_have_one_spelling() {
    let app = App::new().await;
    let id = app.book().await;
    for path in [
        format!("/books/+{id}"),
        format!("/books/0{id}"),
        "/books/%D9%A1".to_owned(),
        "/screenings/01/seats".to_owned(),
    ] {
        let answer = app.client.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"), "{path}");
    }
    // Queries have one spelling, too; bodies are lenient.
    for query in ["customerId=%2B33", "customerId=033", "customerId=33&customerId=33", "after=+1", "page=00"]
    {
        let answer = app.client.get(&format!("/books?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{query}");
    }
    let order = json!({"customerId": "+33", "qty": " 2"});
    assert_eq!(app.client.post("/books", order).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn responses_are_not_stored_and_vary_by_accept() {
    let app = App::new().await;
    let id = app.book().await;
    for (accept, kind) in [
        ("*/*", "application/hal+json"),
        ("application/json, */*;q=0.5", "application/json"),
        ("application/json;q=0, */*", "application/hal+json"),
        ("application/jsonx", "application/hal+json"),
    ] {
        let answer = app.client.get_with(&format!("/books/{id}"), &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type"), kind, "{accept}");
        assert_eq!((answer.header("vary"), answer.header("cache-control")), ("accept", "no-store"));
    }
    assert_eq!(app.client.get("/books/999").await.header("cache-control"), "no-store");
    app.settled().await;
}

#[tokio::test]
async fn log_line_of_a_request_names_its_booking() {
    let app = App::new().await;
    assert_names_booking(app.client.get("/books/7"), "/books/7", 7).await;
}
