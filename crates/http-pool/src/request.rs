//! The head that a request goes out with.
//!
//! hyper respects a `Content-Length` or a `Transfer-Encoding` that it is given, even if the body is another one. A header of a
//! client would then decide where the upstream looks for the next request. So nothing that frames a message or concerns
//! one connection survives from the request that the pool was given: hyper writes the length of the body that it sends.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;
use hyper::body::Body;

use crate::error::ExchangeError;

/// A request whose body is in memory.
pub type Outgoing = Request<Full<Bytes>>;

/// Largest head that is sent, its request line included.
pub const HEAD_MAX_BYTES: usize = 48 * 1024;

/// Gives `request` the head that its body needs, for `host` at `authority`. hyper-util takes that from the URI, and sends
/// the URI in origin form.
///
/// # Errors
///
/// `CONNECT` would turn the connection into a tunnel, and a head can be too long.
pub(crate) fn prepare(
    mut request: Outgoing,
    authority: &Authority,
    host: &HeaderValue,
) -> Result<Outgoing, ExchangeError> {
    if request.method() == Method::CONNECT {
        return Err(ExchangeError::Unsendable("CONNECT"));
    }
    *request.uri_mut() = absolute(request.uri(), authority.clone());
    *request.version_mut() = Version::HTTP_11;
    // hyper looks for its own instructions in there.
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
    if head_bytes(&request) > HEAD_MAX_BYTES {
        return Err(ExchangeError::Unsendable("a head of more than 48 KiB"));
    }
    Ok(request)
}

/// The path and query of `uri` at `authority`, whatever host it names itself.
fn absolute(uri: &Uri, authority: Authority) -> Uri {
    let path = uri.path_and_query().filter(|path| !path.as_str().is_empty()).cloned();
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    // `http` leaves no path of `http://evil#top`, not even a slash.
    parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    Uri::from_parts(parts).expect("it has all three")
}

/// An upper bound for what hyper writes before the body.
fn head_bytes(request: &Outgoing) -> usize {
    /// Spaces, line ends, version, and the length that hyper writes.
    const AROUND: usize = 64;
    let line = request.method().as_str().len()
        + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let fields =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + fields.sum::<usize>() + AROUND
}

fn strip(headers: &mut HeaderMap) {
    // A request has few headers: looking through them takes less time than looking nine names up.
    while let Some(name) = headers.keys().find(|name| is_of_the_connection(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether a header is about one connection or about the framing of one message.
fn is_of_the_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "transfer-encoding"
            | "te"
            | "trailer"
            | "upgrade"
            | "expect"
            | "keep-alive"
            | "proxy-connection"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST_OF_BOOK: HeaderValue = HeaderValue::from_static("book:8080");

    fn authority() -> Authority {
        Authority::from_static("127.0.0.1:8081")
    }

    fn prepared(method: Method, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Outgoing {
        let builder =
            headers.iter().fold(Request::builder().method(method).uri(uri), |builder, (name, value)| {
                builder.header(*name, *value)
            });
        prepare(builder.body(Full::from(body)).unwrap(), &authority(), &HOST_OF_BOOK).unwrap()
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
    fn only_an_empty_body_of_post_put_and_patch_is_announced() {
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
    fn every_request_goes_to_the_upstream_whatever_host_it_names() {
        for (uri, origin) in [
            ("http://evil/books?page=1", "/books?page=1"),
            ("http://evil", "/"),
            ("http://evil#top", "/"),
            ("http://evil?page=1#top", "/?page=1"),
            ("/books", "/books"),
            ("*", "*"),
        ] {
            let request = prepared(Method::OPTIONS, uri, &[], "");
            assert_eq!(request.uri().authority(), Some(&authority()));
            assert_eq!(request.uri().path_and_query().unwrap().to_string(), origin);
            assert_eq!(request.version(), Version::HTTP_11);
        }
    }

    #[test]
    fn connect_is_refused() {
        let request =
            Request::builder().method(Method::CONNECT).uri("book:8080").body(Full::default()).unwrap();
        let refused = prepare(request, &authority(), &HOST_OF_BOOK);
        assert!(matches!(refused, Err(ExchangeError::Unsendable("CONNECT"))));
    }

    #[test]
    fn head_that_does_not_fit_is_refused() {
        let head = |length| {
            let request = Request::get("/books").header("x-long", "x".repeat(length));
            prepare(request.body(Full::default()).unwrap(), &authority(), &HOST_OF_BOOK)
        };
        assert!(head(HEAD_MAX_BYTES / 2).is_ok());
        assert!(matches!(head(HEAD_MAX_BYTES), Err(ExchangeError::Unsendable(_))));
    }
}
