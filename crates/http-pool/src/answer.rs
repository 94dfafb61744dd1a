//! What the head of an answer says about its end, and the body on its way to the caller.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::error::ExchangeError;
use crate::wire::OnWire;

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer's end is certain, so hyper-util decides: it keeps the connection unless the answer says otherwise.
    Certain,
    /// The answer has no body, but its head announces one or is in HTTP/1.0.
    Close,
}

/// Judges the answer to a request with `method`, and removes a `Content-Length` that does not hold.
///
/// # Errors
///
/// An answer that switches protocols, or whose end recipients could see at different places (RFC 9112, section 6.3).
pub(crate) fn judge<B>(method: &Method, answer: &mut Response<B>) -> Result<Verdict, ExchangeError> {
    let status = answer.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ExchangeError::Unusable("it switches protocols, which nobody asked for"));
    }
    let is_old = answer.version() != Version::HTTP_11;
    let headers = answer.headers_mut();
    let is_coded = headers.contains_key(TRANSFER_ENCODING);
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let has_one_length = lengths == 1 && !headers[CONTENT_LENGTH].as_bytes().contains(&b',');
    if *method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        let may_have_length = has_one_length && !is_coded && status != StatusCode::NO_CONTENT;
        if !may_have_length {
            headers.remove(CONTENT_LENGTH);
        }
        let is_certain = !is_old && !is_coded && (lengths == 0 || may_have_length);
        return Ok(if is_certain { Verdict::Certain } else { Verdict::Close });
    }
    if is_coded && (is_old || !is_only_chunked(headers)) {
        return Err(ExchangeError::Unusable("its transfer coding is unknown"));
    }
    if lengths > 0 && (is_coded || !has_one_length) {
        return Err(ExchangeError::Unusable("it has more than one length"));
    }
    if is_old && says_keep_alive(headers) {
        // hyper would write HTTP/1.0 from here on.
        return Err(ExchangeError::Unusable("it keeps its connection in HTTP/1.0"));
    }
    Ok(Verdict::Certain)
}

fn says_keep_alive(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(CONNECTION).iter();
    let mut options = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"keep-alive"))
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    codings.next().is_none() && first.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// The body of an answer. It closes the connection if it is dropped before its end.
pub struct AnswerBody {
    body: Incoming,
    /// Nothing, once the exchange is over.
    exchange: Option<OnWire>,
    /// Whether the connection must not be used again: the answer began before the request was written whole.
    is_early: bool,
}

impl AnswerBody {
    pub(crate) fn new(body: Incoming, exchange: OnWire, is_early: bool) -> Self {
        let mut this = Self { body, exchange: Some(exchange), is_early };
        if this.body.is_end_stream() {
            this.finish();
        }
        this
    }

    /// Ends an exchange whose answer was read to its end.
    fn finish(&mut self) {
        if let Some(exchange) = self.exchange.take()
            && self.is_early
        {
            exchange.abort();
        }
    }

    fn abort(&mut self) {
        if let Some(exchange) = self.exchange.take() {
            exchange.abort();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(None) => this.finish(),
            // hyper ends them at an empty line after CR LF, other recipients after LF too.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => this.abort(),
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.finish(),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => this.abort(),
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

impl Drop for AnswerBody {
    /// A body that was left unread is not worth reading: its rest may be long, or never come.
    fn drop(&mut self) {
        self.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: Method, status: u16, headers: &[(&str, &str)]) -> Option<(Verdict, Vec<String>)> {
        let builder = headers
            .iter()
            .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        let mut answer = builder.body(()).unwrap();
        let verdict = judge(&method, &mut answer).ok()?;
        let lengths = answer.headers().get_all(CONTENT_LENGTH).iter();
        Some((verdict, lengths.map(|length| length.to_str().unwrap().to_owned()).collect()))
    }

    const LENGTH: (&str, &str) = ("content-length", "3");
    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

    #[test]
    fn end_of_an_answer_with_one_framing_or_none_is_certain() {
        let certain =
            |lengths: &[&str]| Some((Verdict::Certain, lengths.iter().map(ToString::to_string).collect()));
        assert_eq!(judged(Method::GET, 200, &[LENGTH]), certain(&["3"]));
        assert_eq!(judged(Method::GET, 200, &[CHUNKED]), certain(&[]));
        assert_eq!(judged(Method::GET, 200, &[]), certain(&[]), "it ends with the connection");
        assert_eq!(judged(Method::HEAD, 200, &[LENGTH]), certain(&["3"]));
        assert_eq!(judged(Method::HEAD, 200, &[]), certain(&[]));
        assert_eq!(judged(Method::DELETE, 204, &[]), certain(&[]));
        assert_eq!(judged(Method::GET, 304, &[LENGTH]), certain(&["3"]));
    }

    #[test]
    fn answer_that_announces_a_body_it_cannot_have_closes_its_connection() {
        let close = Some((Verdict::Close, Vec::new()));
        assert_eq!(judged(Method::GET, 204, &[LENGTH]), close);
        assert_eq!(judged(Method::GET, 204, &[CHUNKED]), close);
        assert_eq!(judged(Method::HEAD, 200, &[CHUNKED]), close);
        assert_eq!(judged(Method::HEAD, 200, &[CHUNKED, LENGTH]), close);
        assert_eq!(judged(Method::GET, 304, &[LENGTH, LENGTH]), close);
    }

    #[test]
    fn answer_that_cannot_be_passed_on_is_refused() {
        assert_eq!(judged(Method::GET, 101, &[]), None);
        assert_eq!(judged(Method::GET, 200, &[("transfer-encoding", "gzip")]), None);
        assert_eq!(judged(Method::GET, 200, &[("transfer-encoding", "gzip, chunked")]), None);
        assert_eq!(judged(Method::GET, 200, &[CHUNKED, CHUNKED]), None);
    }

    #[test]
    fn answer_whose_end_is_doubtful_is_refused() {
        assert_eq!(judged(Method::GET, 200, &[LENGTH, CHUNKED]), None);
        assert_eq!(judged(Method::GET, 200, &[LENGTH, LENGTH]), None);
        assert_eq!(judged(Method::GET, 200, &[("content-length", "3, 3")]), None);
        for (name, value) in [CHUNKED, ("connection", "x, Keep-Alive")] {
            let builder = Response::builder().version(Version::HTTP_10).header(name, value);
            assert!(judge(&Method::GET, &mut builder.body(()).unwrap()).is_err(), "{name}");
        }
    }

    #[test]
    fn answer_in_http_1_0_closes_its_connection() {
        let head = || Response::builder().version(Version::HTTP_10).body(()).unwrap();
        assert_eq!(judge(&Method::HEAD, &mut head()).unwrap(), Verdict::Close);
        assert_eq!(judge(&Method::GET, &mut head()).unwrap(), Verdict::Certain, "hyper closes it");
    }
}
