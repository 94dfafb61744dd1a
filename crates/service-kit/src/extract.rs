//! Bodies, path ids, queries and idempotency keys. Each failure is a problem that names the field or the header.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse;
use events::Id;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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

/// The name of the header that makes a repeat of a request harmless.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key taken from a client.
const IDEMPOTENCY_KEY_MAX: usize = 128;

/// What a client calls its request, so that it may send it again: at most 128 visible ASCII characters. `None`: it did
/// not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut keys = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let wrong =
            |detail: String| Problem::invalid_fields(vec![FieldError::new("Idempotency-Key", detail)]);
        let Some(key) = keys.next() else { return Ok(Self(None)) };
        if keys.next().is_some() {
            return Err(wrong("must be sent once".to_owned()));
        }
        let is_visible = key.as_bytes().iter().all(u8::is_ascii_graphic);
        match key.to_str() {
            Ok(text) if is_visible && (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()) => {
                Ok(Self(Some(text.to_owned())))
            }
            _ => Err(wrong(format!("must be 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters"))),
        }
    }
}

/// Deserializes, and says where it failed as a JSON pointer.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut pointer: String = error.path().iter().map(|segment| format!("/{segment}")).collect();
        let detail = error.into_inner().to_string();
        // The path of a field that is not there ends at its parent.
        if let Some(name) = detail.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            pointer.push('/');
            pointer.push_str(name);
        }
        Problem::invalid_fields(vec![FieldError { pointer, detail }])
    })
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

#[cfg(test)]
mod tests {
    use axum::body::Body;

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
    async fn a_key_is_visible_ascii_of_at_most_128_characters_or_is_not_there() {
        assert_eq!(key(&[]).await, Ok(None));
        assert_eq!(key(&[b"booking-1"]).await, Ok(Some("booking-1".to_owned())));
        assert_eq!(key(&[&[b'!'; 128]]).await, Ok(Some("!".repeat(128))));
        for wrong in [&b""[..], b"two words", b"tab\tinside", "caf\u{e9}".as_bytes(), &[b'a'; 129]] {
            assert_eq!(key(&[wrong]).await, Err(StatusCode::UNPROCESSABLE_ENTITY), "{wrong:?}");
        }
        assert_eq!(key(&[b"one", b"two"]).await, Err(StatusCode::UNPROCESSABLE_ENTITY));
    }
}
