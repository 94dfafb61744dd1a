//! What a handler leaves unread of a request's body.
//!
//! The next request on a connection begins where the body of the last one ends. Therefore a response that is
//! sent before the body has been read either discards the rest of the body or is the last response of its
//! connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::Request;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;

use crate::pace::Pace;

/// Maximum size of the rest of a body that is discarded.
const DISCARD_LIMIT_BYTES: u64 = 16 * 1024;
/// Maximum wait for the next piece of the rest: it is already on its way, or the client waits.
const PIECE_TIMEOUT: Duration = Duration::from_millis(10);
/// Maximum time the whole rest may take.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);

/// The body that a handler reads. What the handler leaves unread goes to the [`Rest`].
struct Watched<B: HttpBody + Unpin> {
    body: Option<B>,
    rest: Arc<Mutex<State<B>>>,
    pace: Arc<Pace>,
}

/// The state of a body after its handler has returned.
pub(crate) struct Rest<B> {
    /// `None` if the request has no body.
    state: Option<Arc<Mutex<State<B>>>>,
    /// The client waits for a 100 before it sends the body, and must not be asked for it now.
    is_awaited: bool,
}

enum State<B> {
    /// The handler still holds it.
    Reading,
    /// It was read to its end.
    Ended,
    /// It was dropped before its end.
    Left(B),
    Broken,
}

/// Returns `request` with a watched body, and the rest of that body.
pub(crate) fn watch<B>(request: Request<B>, pace: &Arc<Pace>) -> (Request<Body>, Rest<B>)
where
    B: HttpBody<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return (Request::from_parts(head, Body::empty()), Rest { state: None, is_awaited: false });
    }
    let is_awaited = head.headers.contains_key(EXPECT);
    let state = Arc::new(Mutex::new(State::Reading));
    let body = Watched { body: Some(body), rest: state.clone(), pace: pace.clone() };
    (Request::from_parts(head, Body::new(body)), Rest { state: Some(state), is_awaited })
}

impl<B> Rest<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    /// Discards a small rest of the body. Returns whether the end of the body was reached, so that another
    /// request can follow.
    pub(crate) async fn discard(self) -> bool {
        let Some(state) = self.state else { return true };
        let left = std::mem::replace(&mut *lock(&state), State::Broken);
        match left {
            State::Ended => true,
            State::Left(body) if !self.is_awaited && body.size_hint().lower() <= DISCARD_LIMIT_BYTES => {
                timeout(DISCARD_TIMEOUT, to_end(body)).await.unwrap_or(false)
            }
            State::Reading | State::Left(_) | State::Broken => false,
        }
    }
}

async fn to_end<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) -> bool {
    let mut left = DISCARD_LIMIT_BYTES;
    loop {
        let frame = match timeout(PIECE_TIMEOUT, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return true,
            Ok(Some(Err(_))) | Err(_) => return false,
        };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
}

fn lock<B>(state: &Mutex<State<B>>) -> MutexGuard<'_, State<B>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        match &polled {
            Poll::Pending => self.pace.wait_for_body(),
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(ended) => {
                *lock(&self.rest) = if ended.is_none() { State::Ended } else { State::Broken };
                self.body = None;
                self.pace.work();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B: HttpBody + Unpin> Drop for Watched<B> {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            *lock(&self.rest) = if body.is_end_stream() { State::Ended } else { State::Left(body) };
            self.pace.work();
        }
    }
}
