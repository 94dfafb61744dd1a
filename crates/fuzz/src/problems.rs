//! Checks that every problem must pass.

use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use serde_json::Value;
use http_api::problem::{MEDIA_TYPE, Problem};

/// A problem as its client reads it.
pub struct Read {
    pub status: u16,
    /// The last part of `type`.
    pub slug: String,
    /// The pointer and the detail of each wrong field.
    pub errors: Vec<(String, String)>,
}

/// Reads `problem` as a client does.
///
/// # Panics
///
/// If the status is an error of the server, the body is not a problem, or a pointer is invalid.
pub async fn read(problem: Problem) -> Read {
    let answer = problem.into_response();
    let status = answer.status().as_u16();
    assert!((400..500).contains(&status) || status == 503, "{status} for what a client sent");
    assert_eq!(answer.headers()[CONTENT_TYPE], MEDIA_TYPE);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], status);
    let slug = body["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten();
    let errors = errors.map(|error| {
        let [pointer, detail] =
            ["pointer", "detail"].map(|member| error[member].as_str().unwrap().to_owned());
        assert!(pointer.is_empty() || pointer.starts_with('/'), "{pointer:?} is not a JSON pointer");
        (pointer, detail)
    });
    Read { status, slug, errors: errors.collect() }
}
