//! Reads bodies, path ids, queries and idempotency keys. Each failure is a problem that names the field or
//! the header.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse;
use events::Id;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::body_limit::{BodyLimit, LARGE_BODY_LIMIT_BYTES, too_large, unsupported_media_type};
use crate::extract::syntax::Syntax;
use crate::extract::wrong::{NO_NUL, wrong_field};
use crate::problem::{FieldError, Problem};

pub mod parameter;
mod syntax;
pub mod time;
mod wrong;

/// A JSON body, which is read leniently where `T` does so.
///
/// The body is deserialized directly into `T`. Unknown fields are skipped and cost no memory.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        from_json(&body(request, state).await?).map(Self)
    }
}

/// A JSON body, or none at all.
///
/// An HTML form of another site can send a request with one of a few content types and an empty body. It can
/// neither send `application/json` nor omit the content type. Therefore an empty body may not have another
/// content type either.
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let has_type = request.headers().contains_key(CONTENT_TYPE);
        if has_type && !is_json(request.headers()) {
            return Err(not_json());
        }
        let body = body(request, state).await?;
        match body.is_empty() {
            true => Ok(Self(None)),
            false if has_type => from_json(&body).map(Some).map(Self),
            false => Err(not_json()),
        }
    }
}

/// An object whose fields are all ignored.
#[derive(Debug, Deserialize)]
pub struct Anything {}

async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    let limit = request.extensions().get().map_or(LARGE_BODY_LIMIT_BYTES, |BodyLimit(limit)| *limit);
    let body = Bytes::from_request(request, state).await;
    let body = body.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limit),
        _ => {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body ended before it was complete.")
        }
    })?;
    if body.len() > limit { Err(too_large(limit)) } else { Ok(body) }
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match syntax::check(body)? {
        Syntax::Object => read(&mut serde_json::Deserializer::from_slice(body)),
        Syntax::Other => Err(Problem::invalid_fields(vec![FieldError {
            pointer: String::new(),
            detail: "the body must be a JSON object".to_owned(),
        }])),
    }
}

/// A query string, whose parameters are the fields of `T`. A known parameter may be sent only once, because
/// two values would be ambiguous. Unknown parameters are ignored.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let parameters: Vec<(String, Value)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        refuse_nul(&parameters)?;
        read(MapDeserializer::new(parameters.into_iter())).map(Self)
    }
}

/// The id in a path. It has one spelling: `7`, but not `+7` or `07`. Anything else is 404, as nothing has
/// such an id.
pub struct PathId<T>(pub T);

impl<T: Id, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found(T::NOUN, "given"))?;
        parameter::canonical(&text).map(Self).ok_or_else(|| Problem::not_found(T::NOUN, text))
    }
}

/// The header that makes a repeated request harmless.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Maximum number of wrong parameters that one response names.
const NAMED_MAX: usize = 20;
/// Maximum length of a key that is accepted from a client.
const IDEMPOTENCY_KEY_MAX: usize = 128;

/// The key that a client gives a request, so that it can send the request again: at most 128 visible ASCII
/// characters. `None` if the client sent no key.
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

/// Refuses parameters with U+0000 in their name or value, because PostgreSQL can neither store nor compare
/// such a text.
fn refuse_nul(parameters: &[(String, Value)]) -> Result<(), Problem> {
    let has_nul = |(name, value): &&(String, Value)| {
        name.contains('\0') || value.as_str().is_some_and(|value| value.contains('\0'))
    };
    let wrong = parameters.iter().filter(has_nul).take(NAMED_MAX);
    let wrong: Vec<_> =
        wrong.map(|(name, _)| FieldError::new(&name.replace('\0', "\u{fffd}"), NO_NUL)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid_fields(wrong)) }
}

/// Deserializes `source`. An error has a JSON pointer to the wrong field.
fn read<'de, T: Deserialize<'de>>(
    source: impl Deserializer<'de, Error = serde_json::Error>,
) -> Result<T, Problem> {
    serde_path_to_error::deserialize(source).map_err(wrong_field)
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    media_type.is_some_and(|media_type| media_type == "application/json" || media_type.ends_with("+json"))
}

fn not_json() -> Problem {
    unsupported_media_type("The body must be JSON: send Content-Type: application/json.")
}

#[cfg(test)]
mod tests;
