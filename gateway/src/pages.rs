//! Security headers for browsers on the gateway's own responses.

use axum::extract::{Extension, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::client::Client;

/// A page loads nothing from other origins, runs no inline scripts, and cannot be framed.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'self'; frame-ancestors 'none'");
/// Swagger UI's style sheet contains its icons as `data:` URLs.
const DOCS_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'self'; img-src 'self' data:; frame-ancestors 'none'");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Adds the security headers to a response of the gateway's own.
pub fn with_security_headers(answer: impl IntoResponse) -> Response {
    let mut answer = answer.into_response();
    let headers = answer.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(REFERRER_POLICY, NO_REFERRER);
    answer
}

/// Middleware around the gateway's own routes.
pub async fn layer(client: Option<Extension<Client>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_docs, is_private) = (path.starts_with("/docs"), matches!(path, "/status" | "/audit"));
    let mut answer = next.run(request).await;
    if is_docs {
        answer.headers_mut().insert(CONTENT_SECURITY_POLICY, DOCS_POLICY);
    }
    if is_private {
        answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    }
    if let Some(Extension(client)) = client {
        keep_prefix(&client, &mut answer);
    }
    with_security_headers(answer)
}

/// Adds the client's path prefix to the target of a redirect.
fn keep_prefix(client: &Client, answer: &mut Response) {
    let Some(prefix) = &client.prefix else { return };
    if let Some(path) = answer.headers().get(LOCATION) {
        let whole = [prefix.as_bytes(), path.as_bytes()].concat();
        let whole =
            HeaderValue::from_bytes(&whole).expect("two joined header values are a valid header value");
        answer.headers_mut().insert(LOCATION, whole);
    }
}
