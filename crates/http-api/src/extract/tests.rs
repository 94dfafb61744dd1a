//! Bodies, ids and keys.

use axum::body::Body;
use events::BookingId;
use http_body_util::BodyExt as _;

use super::*;

async fn key(keys: &[&[u8]]) -> Result<Option<String>, StatusCode> {
    let mut request = Request::builder();
    for key in keys {
        request = request.header(IDEMPOTENCY_KEY, *key);
    }
    let (mut parts, _) = request.body(Body::empty()).unwrap().into_parts();
    let extracted = IdempotencyKey::from_request_parts(&mut parts, &()).await;
    extracted.map(|IdempotencyKey(key)| key).map_err(|problem| problem.into_response().status())
}

#[tokio::test]
async fn idempotency_key_is_at_most_128_visible_ascii_characters() {
    assert_eq!(key(&[]).await, Ok(None));
    assert_eq!(key(&[b"booking-1"]).await, Ok(Some("booking-1".to_owned())));
    assert_eq!(key(&[&[b'!'; 128]]).await, Ok(Some("!".repeat(128))));
    for wrong in [&b""[..], b"two words", b"tab\tinside", "caf\u{e9}".as_bytes(), &[b'a'; 129]] {
        assert_eq!(key(&[wrong]).await, Err(StatusCode::UNPROCESSABLE_ENTITY), "{wrong:?}");
    }
    assert_eq!(key(&[b"one", b"two"]).await, Err(StatusCode::UNPROCESSABLE_ENTITY));
}

#[derive(Debug, PartialEq, Deserialize)]
struct Wish {
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    qty: Option<i64>,
    seats: Vec<Seat>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Seat {
    row: u8,
}

/// The status, the slug of a problem, and the pointers of its errors.
async fn outcome(problem: Problem) -> (u16, String, Vec<String>) {
    let response = problem.into_response();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    let pointers = errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
    (status, body["type"].as_str().unwrap().to_owned(), pointers)
}

async fn refused(body: &str) -> (u16, String, Vec<String>) {
    outcome(from_json::<Wish>(body.as_bytes()).unwrap_err()).await
}

fn invalid(pointer: &str) -> (u16, String, Vec<String>) {
    (422, "/problems/invalid-field".to_owned(), vec![pointer.to_owned()])
}

#[tokio::test]
async fn wrong_missing_and_doubled_fields_are_named_by_their_pointer() {
    for (body, pointer) in [
        (r#"{"qty": "many", "seats": []}"#, "/qty"),
        (r#"{"seats": [{"row": 1}, {"row": 300}]}"#, "/seats/1/row"),
        (r#"{"qty": 1}"#, "/seats"),
        (r#"{"seats": [{}]}"#, "/seats/0/row"),
        (r#"{"qty": 1, "seats": [], "qty": 2}"#, "/qty"),
        ("[]", ""),
        ("1", ""),
    ] {
        assert_eq!(refused(body).await, invalid(pointer), "{body}");
    }
}

#[tokio::test]
async fn slashes_and_tildes_in_a_name_are_escaped_in_its_pointer() {
    for (body, pointer) in [
        (r#"{"seats": [], "a/b": {"c~d": "\u0000"}}"#, "/a~1b/c~0d"),
        (r#"{"seats": [], "~1": ["\u0000"]}"#, "/~01/0"),
    ] {
        assert_eq!(refused(body).await, invalid(pointer), "{body}");
    }
}

#[tokio::test]
async fn detail_of_a_wrong_field_has_no_line_number() {
    let error = from_json::<Wish>(br#"{"qty": 1.5, "seats": []}"#).map(|_| ()).unwrap_err();
    let body = error.into_response().into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["errors"][0]["detail"], "must be a whole number, not 1.5");
}

#[tokio::test]
async fn wrong_field_is_explained_without_the_terms_of_serde() {
    for (body, detail) in [
        (r#"{"qty": true, "seats": []}"#, "must be a whole number"),
        (r#"{"seats": 1}"#, "must be a list"),
        (r#"{"seats": [", expected x"]}"#, "must be an object"),
        (r#"{"qty": 1}"#, "is required"),
        (r#"{"qty": 1, "seats": [], "qty": 2}"#, "must be sent once"),
    ] {
        let error = from_json::<Wish>(body.as_bytes()).map(|_| ()).unwrap_err();
        let answer = error.into_response().into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["errors"][0]["detail"], detail, "{body}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(default, deserialize_with = "parameter::optional_id")]
    customer_id: Option<BookingId>,
    name: Option<String>,
}

async fn filter(query: &str) -> Result<Filter, Problem> {
    let request = http::Request::get(format!("/books?{query}")).body(()).unwrap();
    Query::from_request_parts(&mut request.into_parts().0, &()).await.map(|Query(filter)| filter)
}

#[tokio::test]
async fn parameter_that_is_sent_twice_is_refused_and_named() {
    for (query, pointer) in [
        ("customerId=1&customerId=2", "/customerId"),
        ("customerId=1&customerId=1", "/customerId"),
        ("customerId=1&name=a&%63ustomerId=1", "/customerId"),
        ("name=a&name=", "/name"),
        ("customerId=%2B1", "/customerId"),
        ("customerId=", "/customerId"),
    ] {
        assert_eq!(outcome(filter(query).await.unwrap_err()).await, invalid(pointer), "{query}");
    }
    let read = filter("color=red&color=blue&customerId=7&name=a%20b").await.unwrap();
    let expected = Filter { customer_id: "7".parse().ok(), name: Some("a b".to_owned()) };
    assert_eq!(read, expected);
}

#[tokio::test]
async fn malformed_json_anywhere_is_400_even_in_unknown_fields() {
    for body in [
        r#"{"seats": [], "unknown": [1,}"#,
        r#"{"seats": [], "unknown": "\ud800"}"#,
        r#"{"seats": [], "unknown": 1e999}"#,
        r#"{"qty": "many", "seats": []"#,
        r#"{"seats": []} trailing"#,
        "",
    ] {
        assert_eq!(refused(body).await, (400, "/problems/malformed-body".to_owned(), vec![]), "{body}");
    }
}

#[tokio::test]
async fn large_unknown_field_is_skipped_and_a_deep_one_is_400() {
    let wide = format!(r#"{{"unknown": [{}[0]], "seats": []}}"#, "[0],".repeat(60_000));
    assert_eq!(from_json::<Wish>(wide.as_bytes()).unwrap(), Wish { qty: None, seats: vec![] });
    for deep in ["[".repeat(200) + &"]".repeat(200), r#"{"a":"#.repeat(200) + "1" + &"}".repeat(200)] {
        let body = format!(r#"{{"unknown": {deep}, "seats": []}}"#);
        assert_eq!(refused(&body).await.0, 400);
    }
}

async fn optional(content_type: Option<&str>, body: &'static str) -> Result<bool, u16> {
    let mut request = Request::builder();
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    let request = request.body(Body::from(body)).unwrap();
    let extracted = OptionalJson::<Anything>::from_request(request, &()).await;
    extracted
        .map(|OptionalJson(body)| body.is_some())
        .map_err(|problem| problem.into_response().status().as_u16())
}

#[tokio::test]
async fn content_types_that_a_form_can_send_are_refused_even_without_a_body() {
    for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(optional(Some(form), "").await, Err(415), "{form}");
        assert_eq!(optional(Some(form), "{}").await, Err(415), "{form}");
    }
    assert_eq!(optional(None, "{}").await, Err(415));
    assert_eq!(optional(None, "").await, Ok(false));
    assert_eq!(optional(Some("application/json"), "").await, Ok(false));
    assert_eq!(optional(Some("application/json; charset=utf-8"), r#"{"a": 1}"#).await, Ok(true));
    assert_eq!(optional(Some("application/json"), "{").await, Err(400));
}

#[tokio::test]
async fn path_ids_have_one_spelling() {
    let router = axum::Router::new()
        .route("/{id}", axum::routing::get(|PathId(id): PathId<BookingId>| async move { id.to_string() }));
    for (path, status) in
        [("/1", 200), ("/+1", 404), ("/01", 404), ("/%D9%A1", 404), ("/1%20", 404), ("/0", 404)]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(router.clone(), request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn text_with_nul_is_refused_wherever_it_stands() {
    for (body, pointer) in [
        (r#"{"seats": [], "movieName": "a\u0000b"}"#, "/movieName"),
        (r#"{"seats": [], "hall": {"rows": [{"name": "1"}, {"name": "\u0000"}]}}"#, "/hall/rows/1/name"),
        (r#"{"seats": [], "prices": {"std\u0000": 1}}"#, "/prices/std\u{fffd}"),
    ] {
        assert_eq!(refused(body).await, invalid(pointer), "{body}");
    }
    from_json::<Wish>(br#"{"seats": [], "movieName": "a\\u0000b"}"#).map(|_| ()).unwrap();
}
