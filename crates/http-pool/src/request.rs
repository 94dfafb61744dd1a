//! Prepares the head of a request.
//!
//! hyper keeps a given `Content-Length` or `Transfer-Encoding`, even if it does not fit the body. A client's
//! header would then decide where the upstream looks for the next request. So the pool removes all headers
//! that frame a message or concern one connection, and hyper writes the length of the body that it sends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use crate::error::ExchangeError;
use crate::wire::Progress;

/// A request whose body is in memory.
pub type Outgoing = Request<Full<Bytes>>;

/// Returns `request` in origin form, for `host`, and without headers that could contradict its body.
///
/// # Errors
///
/// If the method is `CONNECT`, which would turn the connection into a tunnel.
pub(crate) fn prepare(mut request: Outgoing, host: &HeaderValue) -> Result<Outgoing, ExchangeError> {
    if request.method() == Method::CONNECT {
        return Err(ExchangeError::Unsendable("CONNECT"));
    }
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
    // `http` parses an empty path from `http://evil#top`, without a slash.
    if request.uri().path().is_empty() {
        *request.uri_mut() = Uri::from_static("/");
    }
    *request.version_mut() = Version::HTTP_11;
    // hyper reads options from the extensions.
    request.extensions_mut().clear();
    let needs_length = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        && request.body().is_end_stream();
    let headers = request.headers_mut();
    strip(headers);
    headers.insert(HOST, host.clone());
    if needs_length {
        // hyper writes no length for a body that is empty.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(request)
}

fn strip(headers: &mut HeaderMap) {
    // A request has few headers: scanning them takes less time than looking up nine names.
    while let Some(name) = headers.keys().find(|name| is_of_the_connection(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether a header is about one connection or about the framing of one message.
fn is_of_the_connection(name: &HeaderName) -> bool {
    is_hop_by_hop(name) || matches!(name.as_str(), "content-length" | "expect")
}

/// Whether a header concerns one connection (RFC 9110, section 7.6.1). Comparing text is faster than
/// comparing with one name after the other.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade"
    )
}

/// The body of a request. It records when hyper has taken all of it.
pub(crate) struct OutgoingBody {
    body: Full<Bytes>,
    progress: Arc<Progress>,
}

impl OutgoingBody {
    pub fn new(body: Full<Bytes>, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }

    pub fn into_inner(self) -> Full<Bytes> {
        self.body
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if self.body.is_end_stream() {
            self.progress.body_is_encoded();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_OF_BOOK: HeaderValue = HeaderValue::from_static("book:8080");

    fn prepared(method: Method, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Outgoing {
        let builder =
            headers.iter().fold(Request::builder().method(method).uri(uri), |builder, (name, value)| {
                builder.header(*name, *value)
            });
        prepare(builder.body(Full::from(body)).unwrap(), &HOST_OF_BOOK).unwrap()
    }

    #[test]
    fn headers_of_the_connection_and_of_the_framing_are_removed() {
        let given = [
            ("content-length", "5"),
            ("content-length", "6"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("trailer", "x-checksum"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("host", "evil"),
            ("x-kept", "1"),
        ];
        let request = prepared(Method::GET, "/books", &given, "");
        let mut names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["host", "x-kept"]);
        assert_eq!(request.headers()[HOST], "book:8080");
    }

    #[test]
    fn empty_body_is_announced_only_for_post_put_and_patch() {
        for method in [Method::POST, Method::PUT, Method::PATCH] {
            assert_eq!(prepared(method.clone(), "/", &[], "").headers()[CONTENT_LENGTH], "0", "{method}");
            assert!(
                !prepared(method, "/", &[], "{}").headers().contains_key(CONTENT_LENGTH),
                "hyper writes it"
            );
        }
        for method in [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            assert!(!prepared(method, "/", &[], "").headers().contains_key(CONTENT_LENGTH));
        }
    }

    #[test]
    fn absolute_form_becomes_origin_form_of_http_1_1() {
        for (uri, origin) in [
            ("http://evil/books?page=1", "/books?page=1"),
            ("http://evil", "/"),
            ("http://evil#top", "/"),
            ("http://evil?page=1#top", "/?page=1"),
            ("/books", "/books"),
            ("*", "*"),
        ] {
            let request = prepared(Method::OPTIONS, uri, &[], "");
            assert_eq!(request.uri().to_string(), origin);
            assert_eq!(request.version(), Version::HTTP_11);
        }
    }

    #[test]
    fn connect_is_rejected() {
        let request =
            Request::builder().method(Method::CONNECT).uri("book:8080").body(Full::default()).unwrap();
        assert!(matches!(prepare(request, &HOST_OF_BOOK), Err(ExchangeError::Unsendable("CONNECT"))));
    }
}
