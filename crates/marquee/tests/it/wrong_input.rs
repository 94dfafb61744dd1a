//! Invalid input through the gateway: each gets its problem and pointer, never a 5xx, and leaves no row.

use marquee::rest::Answer;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::clients::assert_quiet;
use crate::fleet::Fleet;

const COLLECTIONS: [&str; 5] = ["books", "payments", "tickets", "points", "mypages"];
/// A number beyond every integer type.
const HUGE: &str = "1000000000000000000000000000000";

/// Bodies for `POST /books`, and the pointers to their invalid fields.
const WRONG_BOOKINGS: &[(&str, &str)] = &[
    (r#"{"qty":0}"#, "/qty"),
    (r#"{"qty":-1}"#, "/qty"),
    (r#"{"qty":21}"#, "/qty"),
    (r#"{"qty":"abc"}"#, "/qty"),
    (r#"{"qty":""}"#, "/qty"),
    (r#"{"qty":1.5}"#, "/qty"),
    (r#"{"qty":"1.5"}"#, "/qty"),
    (r#"{"qty":1e30}"#, "/qty"),
    (r#"{"qty":1000000000000000000000000000000}"#, "/qty"),
    (r#"{"qty":"1000000000000000000000000000000"}"#, "/qty"),
    (r#"{"qty":[2]}"#, "/qty"),
    (r#"{"qty":true}"#, "/qty"),
    (r#"{"totalPrice":-1}"#, "/totalPrice"),
    (r#"{"totalPrice":"-10000"}"#, "/totalPrice"),
    (r#"{"totalPrice":0.5}"#, "/totalPrice"),
    (r#"{"seat":"1A,1A"}"#, "/seat"),
    (r#"{"seat":"1A,1a"}"#, "/seat"),
    (r#"{"seat":"1A,,2B"}"#, "/seat"),
    (r#"{"seat":"1A, "}"#, "/seat"),
    (r#"{"seat":" "}"#, "/seat"),
    (r#"{"seat":""}"#, "/seat"),
    (r#"{"seat":{"row":1}}"#, "/seat"),
    (r#"{"seat":"1A,2B","qty":3}"#, "/qty"),
    (r#"{"movieName":" "}"#, "/movieName"),
    (r#"{"customerId":0}"#, "/customerId"),
    (r#"{"customerId":-1}"#, "/customerId"),
    (r#"{"customerId":"abc"}"#, "/customerId"),
    (r#"{"customerId":1e30}"#, "/customerId"),
    (r"[]", ""),
    (r#""qty""#, ""),
    (r"null", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn invalid_input_gets_its_problem_and_leaves_no_row() {
    let fleet = Fleet::up().await;
    // One row in every service, to which the requests refer.
    let order = json!({ "movieName": "soul", "customerId": 7, "totalPrice": 1 });
    assert_eq!(fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap().status, 201);
    rows_are(&fleet, [1; 5]).await;

    wrong_bookings(&fleet).await;
    wrong_bodies(&fleet).await;
    wrong_changes(&fleet).await;
    wrong_ids_in_paths(&fleet).await;
    wrong_queries(&fleet).await;
    wrong_paths_and_methods(&fleet).await;

    assert_quiet(&fleet).await;
    rows_are(&fleet, [1; 5]).await;
}

async fn wrong_bookings(fleet: &Fleet) {
    for (body, pointer) in WRONG_BOOKINGS {
        let answer = send(fleet, Method::POST, "/books", Some("application/json"), *body).await;
        is_invalid(&answer, body, &[pointer]);
    }
    let several = r#"{"seat":"1A,1A","qty":0,"totalPrice":-1}"#;
    let answer = send(fleet, Method::POST, "/books", Some("application/json"), several).await;
    is_invalid(&answer, several, &["/seat", "/qty", "/totalPrice"]);
}

async fn wrong_bodies(fleet: &Fleet) {
    let json = Some("application/json");
    for body in ["", "{", "{\"qty\":}", "qty=2&movieName=soul", "{\"qty\":2} x", "\u{0}"] {
        let answer = send(fleet, Method::POST, "/books", json, body).await;
        is_problem(&answer, body, 400, "malformed-body");
    }
    let order = r#"{"movieName":"soul"}"#;
    for media_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json")] {
        let answer = send(fleet, Method::POST, "/books", media_type, order).await;
        is_problem(&answer, &format!("{media_type:?}"), 415, "unsupported-media-type");
    }
    let large = format!(r#"{{"movieName":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let answer = send(fleet, Method::POST, "/books", json, large).await;
    is_problem(&answer, "/books", 413, "body-too-large");
}

async fn wrong_changes(fleet: &Fleet) {
    let json = Some("application/json");
    for path in ["/tickets/1", "/books/1"] {
        for body in [r#"{"status":"Waiting"}"#, r#"{"status":"printed!"}"#, r#"{"status":7}"#, "{}"] {
            let answer = send(fleet, Method::PATCH, path, json, body).await;
            is_invalid(&answer, &format!("{path} {body}"), &["/status"]);
        }
    }
    // Only services may charge and grant points.
    for path in ["/payments", "/points"] {
        let body = r#"{"bookingId":1,"status":"Paid","totalPrice":1}"#;
        let answer = send(fleet, Method::POST, path, json, body).await;
        is_problem(&answer, path, 405, "method-not-allowed");
    }
}

async fn wrong_ids_in_paths(fleet: &Fleet) {
    for plural in COLLECTIONS {
        for id in ["0", "-1", "abc", HUGE, "1.5", "%00", "99", "1%2F2"] {
            let path = format!("/{plural}/{id}");
            let answer = send(fleet, Method::GET, &path, None, "").await;
            is_problem(&answer, &path, 404, "not-found");
        }
    }
    for id in ["0", "-1", "abc", HUGE, "99"] {
        let answer = send(fleet, Method::DELETE, &format!("/books/{id}"), None, "").await;
        is_problem(&answer, id, 404, "not-found");
        let printed = r#"{"status":"Printed"}"#;
        let path = format!("/tickets/{id}");
        let answer = send(fleet, Method::PATCH, &path, Some("application/json"), printed).await;
        is_problem(&answer, &path, 404, "not-found");
    }
}

async fn wrong_queries(fleet: &Fleet) {
    for plural in COLLECTIONS {
        for (query, pointer) in [
            ("size=0", "/size"),
            ("size=101", "/size"),
            ("size=-1", "/size"),
            ("size=abc", "/size"),
            ("page=-1", "/page"),
            ("page=abc", "/page"),
            ("page=1.5", "/page"),
            ("page=1000000000000000000000000000000", "/page"),
            ("page=500", "/page"),
            ("page=100&size=100", "/page"),
            ("after=-1", "/after"),
            ("after=abc", "/after"),
            ("after=1000000000000000000000000000000", "/after"),
            ("after=1&page=1", "/after"),
        ] {
            let path = format!("/{plural}?{query}");
            let answer = send(fleet, Method::GET, &path, None, "").await;
            is_invalid(&answer, &path, &[pointer]);
        }
        for query in ["sort=id", "projection=short"] {
            let path = format!("/{plural}?{query}");
            is_problem(&send(fleet, Method::GET, &path, None, "").await, &path, 422, "not-supported");
        }
    }
    for id in ["0", "-1", "abc", HUGE, ""] {
        for plural in ["payments", "tickets", "points", "mypages"] {
            let path = format!("/{plural}/search/findByBookingId?bookingId={id}");
            let answer = send(fleet, Method::GET, &path, None, "").await;
            is_invalid(&answer, &path, &["/bookingId"]);
        }
        for path in ["/points/balance", "/mypages"] {
            let path = format!("{path}?customerId={id}");
            let answer = send(fleet, Method::GET, &path, None, "").await;
            is_invalid(&answer, &path, &["/customerId"]);
        }
    }
}

async fn wrong_paths_and_methods(fleet: &Fleet) {
    for path in ["/nowhere", "/book", "/books/1/nothing", "/tickets/1/2/3", "/cancellations"] {
        let answer = send(fleet, Method::GET, path, None, "").await;
        is_problem(&answer, path, 404, "not-found");
    }
    for (method, path) in [
        (Method::PUT, "/books"),
        (Method::DELETE, "/books"),
        (Method::POST, "/books/1"),
        (Method::PUT, "/tickets/1"),
        (Method::DELETE, "/tickets/1"),
        (Method::POST, "/tickets"),
        (Method::DELETE, "/payments/1"),
        (Method::PATCH, "/points/1"),
        (Method::POST, "/mypages"),
    ] {
        let what = format!("{method} {path}");
        let answer = send(fleet, method, path, Some("application/json"), "{}").await;
        is_problem(&answer, &what, 405, "method-not-allowed");
    }
}

async fn send(
    fleet: &Fleet,
    method: Method,
    path: &str,
    media_type: Option<&str>,
    body: impl Into<String>,
) -> Answer {
    let client = Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, format!("{}{path}", fleet.rest.base())).body(body.into());
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    let response = request.send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.json().await.unwrap_or_default(),
    }
}

fn is_invalid(answer: &Answer, what: &str, pointers: &[&str]) {
    is_problem(answer, what, 422, "invalid-field");
    let named: Vec<&Value> =
        answer.body["errors"].as_array().unwrap().iter().map(|one| &one["pointer"]).collect();
    assert_eq!(named, pointers, "{what}: {}", answer.body);
}

fn is_problem(answer: &Answer, what: &str, status: u16, slug: &str) {
    let body = &answer.body;
    assert_eq!(answer.status, status, "{what}: {body}");
    assert_eq!(body["type"], format!("/problems/{slug}"), "{what}: {body}");
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
    assert_eq!(body["status"], status, "{what}: {body}");
    for field in ["title", "detail", "traceId"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: no {field}: {body}");
    }
}

/// Waits until each service has the expected number of rows.
async fn rows_are(fleet: &Fleet, expected: [u64; 5]) {
    crate::wait::until(&format!("{expected:?} rows"), async || {
        let mut counts = [0; 5];
        for (count, plural) in counts.iter_mut().zip(COLLECTIONS) {
            *count = fleet.rest.count(&format!("/{plural}")).await.map_err(|error| error.to_string())?;
        }
        if counts == expected { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
}
