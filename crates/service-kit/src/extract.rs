//! Bodies, path ids and queries. Each failure is a problem that names the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse;
use events::Id;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::problem::{FieldError, Problem};

/// A JSON body, read leniently where `T` says so.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON: send Content-Type: application/json.",
            ));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| body_problem(rejection.into_response().status()))?;
        let value: Value = serde_json::from_slice(&body).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", format!("The body is not JSON: {error}."))
        })?;
        if !value.is_object() {
            return Err(Problem::invalid_fields(vec![FieldError {
                pointer: String::new(),
                detail: "the body must be a JSON object".to_owned(),
            }]));
        }
        Ok(Self(read(value)?))
    }
}

/// A query string; `T`'s fields are its parameters. Of a repeated parameter the last one counts.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let parameters: Map<String, Value> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        Ok(Self(read(Value::Object(parameters))?))
    }
}

/// The id in a path. What is no id at all names nothing, so it is answered like an unknown one: 404.
pub struct PathId<T>(pub T);

impl<T: Id, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found(T::NOUN, "given"))?;
        text.parse().map(Self).map_err(|_| Problem::not_found(T::NOUN, text))
    }
}

/// Deserializes, and says where it failed as a JSON pointer.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut pointer: String = error
            .path()
            .iter()
            .map(|segment| match segment {
                // Shown in brackets otherwise.
                Segment::Seq { index } => format!("/{index}"),
                other => format!("/{other}"),
            })
            .collect();
        let detail = error.into_inner().to_string();
        // The path of a field that is not there ends at its parent.
        if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            pointer.push('/');
            pointer.push_str(name);
        }
        Problem::invalid_fields(vec![FieldError { pointer, detail }])
    })
}

/// What the client calls this request, if it gave it a name, so that it can be sent again.
///
/// Source: <https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header>.
pub struct IdempotencyKey(pub Option<String>);

/// Longest key, in characters.
const IDEMPOTENCY_KEY_MAX: usize = 128;

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let key = value.as_bytes();
        if (1..=IDEMPOTENCY_KEY_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) {
            return Ok(Self(Some(String::from_utf8_lossy(key).into_owned())));
        }
        let detail = format!("must be from 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters");
        Err(Problem::invalid_fields(vec![FieldError::new("Idempotency-Key", detail)]))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    media_type.is_some_and(|media_type| media_type == "application/json" || media_type.ends_with("+json"))
}

/// Why a body could not be read to its end.
fn body_problem(status: StatusCode) -> Problem {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body ended before it was complete.")
    }
}

/// 413: over the limit that every door of the fleet has.
pub fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        format!("A body may have at most {} bytes.", crate::api::BODY_LIMIT_BYTES),
    )
}
