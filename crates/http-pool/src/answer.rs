//! Whether a connection may be kept after an answer, and the answer's body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::connection::Connection;
use crate::error::ExchangeError;
use crate::idle::Idle;

/// Whether the connection may carry another request after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Keep,
    Close,
}

/// Decides by the head of an answer to `method` whether its connection may be kept. Removes an invalid
/// `Content-Length`.
///
/// # Errors
///
/// If the answer switches protocols, or has an unknown transfer coding.
pub(crate) fn judge<B>(method: &Method, answer: &mut Response<B>) -> Result<Afterwards, ExchangeError> {
    let status = answer.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ExchangeError::Unusable("it switches protocols without a request to do so"));
    }
    let is_old = answer.version() != Version::HTTP_11;
    let headers = answer.headers_mut();
    let has_no_body =
        method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let is_chunked = headers.contains_key(TRANSFER_ENCODING);
    if is_chunked && !is_only_chunked(headers) && !has_no_body {
        return Err(ExchangeError::Unusable("its transfer coding is unknown"));
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let is_doubtful = match (is_chunked, lengths) {
        // The head describes a body that must not exist; the upstream may send it all the same.
        (true, _) if has_no_body => true,
        (false, 1) if status == StatusCode::NO_CONTENT => true,
        (true, 1..) | (false, 2..) => true,
        // The body ends with the connection.
        (false, 0) => !has_no_body,
        (true, 0) => false,
        (false, 1) => headers[CONTENT_LENGTH].as_bytes().contains(&b','),
    };
    if is_doubtful {
        settle_length(headers, is_chunked || status == StatusCode::NO_CONTENT);
    }
    Ok(if is_old || is_doubtful || says_close(headers) { Afterwards::Close } else { Afterwards::Keep })
}

/// Keeps the one `Content-Length` by which hyper reads the body, or none.
fn settle_length(headers: &mut HeaderMap, has_none: bool) {
    let length = headers.remove(CONTENT_LENGTH);
    let first = length.as_ref().and_then(|value| value.to_str().ok()?.split(',').next()?.trim().parse().ok());
    // hyper has checked that all of them are equal.
    if let Some(length) = first.filter(|_| !has_none) {
        headers.insert(CONTENT_LENGTH, length);
    }
}

fn is_only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    codings.next().is_none() && first.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn says_close(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter();
    options.flat_map(|list| list.as_bytes().split(|byte| *byte == b',')).any(|option| {
        let option = option.trim_ascii();
        option.eq_ignore_ascii_case(b"close")
    })
}

/// The body of an answer. It polls its connection, and returns it to the pool when it has been read to its
/// end.
pub struct AnswerBody {
    body: Incoming,
    /// `None` once the connection is back in the pool or closed.
    connection: Option<Box<Connection>>,
    afterwards: Afterwards,
    idle: Arc<Idle>,
}

impl AnswerBody {
    pub(crate) fn new(
        body: Incoming,
        connection: Box<Connection>,
        afterwards: Afterwards,
        idle: Arc<Idle>,
    ) -> Self {
        let mut this = Self { body, connection: Some(connection), afterwards, idle };
        if this.body.is_end_stream() {
            this.finish();
        }
        this
    }

    /// Returns the connection to the pool, or closes it.
    fn finish(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.afterwards == Afterwards::Keep
        {
            self.idle.keep(connection);
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
        let mut frame = Pin::new(&mut this.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(cx);
            frame = Pin::new(&mut this.body).poll_frame(cx);
        }
        match &frame {
            Poll::Pending => {}
            Poll::Ready(None) => this.finish(),
            // hyper ends trailers at an empty line after CR LF, other recipients also after LF.
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => this.afterwards = Afterwards::Close,
            Poll::Ready(Some(Ok(_))) if this.body.is_end_stream() => this.finish(),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_))) => this.connection = None,
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

    fn judged(method: Method, status: u16, headers: &[(&str, &str)]) -> Option<(Afterwards, Vec<String>)> {
        let builder = headers
            .iter()
            .fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
        let mut answer = builder.body(()).unwrap();
        let afterwards = judge(&method, &mut answer).ok()?;
        let lengths = answer.headers().get_all(CONTENT_LENGTH).iter();
        Some((afterwards, lengths.map(|length| length.to_str().unwrap().to_owned()).collect()))
    }

    const LENGTH: (&str, &str) = ("content-length", "3");
    const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

    #[test]
    fn connection_is_kept_if_the_end_of_the_answer_is_certain() {
        let keep =
            |lengths: &[&str]| Some((Afterwards::Keep, lengths.iter().map(ToString::to_string).collect()));
        assert_eq!(judged(Method::GET, 200, &[LENGTH]), keep(&["3"]));
        assert_eq!(judged(Method::GET, 200, &[CHUNKED]), keep(&[]));
        assert_eq!(judged(Method::GET, 200, &[LENGTH, ("connection", "keep-alive")]), keep(&["3"]));
        assert_eq!(judged(Method::HEAD, 200, &[LENGTH]), keep(&["3"]));
        assert_eq!(judged(Method::HEAD, 200, &[]), keep(&[]));
        assert_eq!(judged(Method::DELETE, 204, &[]), keep(&[]));
        assert_eq!(judged(Method::GET, 304, &[LENGTH]), keep(&["3"]));
    }

    #[test]
    fn connection_is_closed_if_the_end_of_the_answer_is_doubtful() {
        let close =
            |lengths: &[&str]| Some((Afterwards::Close, lengths.iter().map(ToString::to_string).collect()));
        assert_eq!(judged(Method::GET, 200, &[]), close(&[]), "it ends with the connection");
        assert_eq!(judged(Method::GET, 200, &[LENGTH, CHUNKED]), close(&[]), "the length is invalid");
        assert_eq!(judged(Method::GET, 200, &[LENGTH, LENGTH]), close(&["3"]));
        assert_eq!(judged(Method::GET, 200, &[("content-length", "3, 3")]), close(&["3"]));
        assert_eq!(judged(Method::GET, 204, &[LENGTH]), close(&[]));
        assert_eq!(judged(Method::GET, 204, &[CHUNKED]), close(&[]));
        assert_eq!(judged(Method::HEAD, 200, &[CHUNKED]), close(&[]));
        assert_eq!(judged(Method::GET, 200, &[LENGTH, ("connection", "x, Close")]), close(&["3"]));
        let keep_alive = ("connection", "keep-alive");
        assert_eq!(judged(Method::GET, 200, &[LENGTH, keep_alive, ("connection", "close")]), close(&["3"]));
    }

    #[test]
    fn http_1_0_answer_closes_its_connection() {
        let mut answer =
            Response::builder().version(Version::HTTP_10).header("content-length", "3").body(()).unwrap();
        assert_eq!(judge(&Method::GET, &mut answer).unwrap(), Afterwards::Close);
    }

    #[test]
    fn answer_that_cannot_be_forwarded_is_rejected() {
        assert_eq!(judged(Method::GET, 101, &[]), None);
        assert_eq!(judged(Method::GET, 200, &[("transfer-encoding", "gzip")]), None);
        assert_eq!(judged(Method::GET, 200, &[("transfer-encoding", "gzip, chunked")]), None);
        assert_eq!(judged(Method::GET, 200, &[CHUNKED, CHUNKED]), None);
    }
}
