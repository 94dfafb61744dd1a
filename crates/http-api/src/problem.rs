//! RFC 9457 responses: every error of the fleet has this shape.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};
use telemetry::trace_context::TraceContext;
use utoipa::ToSchema;

use crate::request;

/// `application/problem+json`.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field in the body, or `/name` for a query parameter or a header.
    #[schema(example = "/qty")]
    pub pointer: String,
    /// What is wrong with it.
    #[schema(example = "must be a whole number from 1 to 20")]
    pub detail: String,
}

impl FieldError {
    /// Creates an error of a `field`, named as the client spells it, without the leading slash.
    pub fn new(field: &str, detail: impl Into<String>) -> Self {
        Self { pointer: format!("/{field}"), detail: detail.into() }
    }
}

/// An error response.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    slug: &'static str,
    detail: String,
    errors: Vec<FieldError>,
    /// Boxed, because every handler returns a problem as its error, and few problems have members.
    members: Option<Box<Map<String, Value>>>,
    retry_after_seconds: Option<u64>,
    cause: Option<Cause>,
}

/// Why a request failed, for the request log. It is never part of the response.
#[derive(Clone, Debug)]
pub struct Cause(pub Arc<dyn Error + Send + Sync>);

/// An error, in the form of RFC 9457. Some kinds have further members, such as `seats` of
/// `/problems/seat-taken`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct Body {
    /// The kind of problem. Programs can rely on it: it does not change.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-field")]
    kind: String,
    /// The kind of problem, for people.
    #[schema(example = "Invalid field")]
    title: String,
    /// The status of the response.
    #[schema(value_type = i32, minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What happened, for people.
    #[schema(example = "Wrong or missing: qty.")]
    detail: String,
    /// The path of the request.
    #[schema(example = "/books")]
    instance: String,
    /// The id of the request's trace, by which operators find its log lines.
    #[schema(example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    trace_id: String,
    /// The wrong fields; absent if the problem is not about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The extension members of this kind of problem.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, Value>,
}

impl Problem {
    /// Creates a problem. `slug` is the stable last part of its `type`.
    pub fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            slug,
            detail: detail.into(),
            errors: Vec::new(),
            members: None,
            retry_after_seconds: None,
            cause: None,
        }
    }

    /// 422: fields that are wrong or missing.
    pub fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let names: Vec<&str> = errors.iter().map(|error| error.pointer.trim_start_matches('/')).collect();
        let detail = format!("Wrong or missing: {}.", names.join(", "));
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", detail) }
    }

    /// 404: no `noun` has this id.
    pub fn not_found(noun: &str, id: impl std::fmt::Display) -> Self {
        let detail = format!("There is no {noun} with the id {id}.");
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 500: a bug. The log gets the cause, the client gets the trace id.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "An internal error occurred. Its cause is in the logs, under the trace id.",
        )
        .caused_by(cause)
    }

    /// 503: a backend is unreachable. Nothing was changed, and the same request can be sent again.
    pub fn unavailable(detail: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(1).caused_by(cause)
    }

    /// Adds the fields that are wrong.
    #[must_use]
    pub fn with_errors(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    /// Adds an extension member of RFC 9457, for programs.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(member.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Sets `Retry-After` to `wait` in whole seconds, rounded up, at least one.
    #[must_use]
    pub fn retry_in(self, wait: Duration) -> Self {
        let rounded = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after(rounded.max(1))
    }

    #[must_use]
    pub fn caused_by(self, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Cause(Arc::new(cause))), ..self }
    }

    /// Returns the body of the answer to a request for the path `instance` with this trace id.
    pub fn into_body(self, instance: String, trace_id: String) -> Body {
        Body {
            kind: type_of(self.slug),
            title: title(self.slug),
            status: self.status.as_u16(),
            detail: self.detail,
            instance,
            trace_id,
            errors: self.errors,
            members: self.members.map(|members| *members).unwrap_or_default(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let instance = request::current().map(|request| request.uri.path().to_owned()).unwrap_or_default();
        let trace_id = TraceContext::current().map(|trace| trace.trace_id()).unwrap_or_default();
        let (status, retry_after_seconds, cause) = (self.status, self.retry_after_seconds, self.cause.take());
        let mut response = (status, axum::Json(self.into_body(instance, trace_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

/// Returns the `type` of the problems with this slug. The gateway serves a page about it there.
pub fn type_of(slug: &str) -> String {
    format!("/problems/{slug}")
}

/// Turns "seat-taken" into "Seat taken", so that only the slug names the kind.
pub fn title(slug: &str) -> String {
    let mut title = slug.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}
