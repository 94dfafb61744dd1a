//! Request id, trace, one log line and two metrics per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Display;
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use metrics::{Counter, Histogram};
use tracing::{Instrument, Level, Span, field};
use uuid::Uuid;

use crate::health::is_probe;
use crate::problem::Cause;
use crate::telemetry;
use crate::trace_context::{TRACEPARENT, TraceContext};

/// Names a request across processes; the client may choose it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken from a client.
const REQUEST_ID_MAX: usize = 128;

/// What a problem and an upstream call need to know of the request being served.
#[derive(Clone, Debug, Default)]
pub struct CurrentRequest {
    pub path: String,
    pub request_id: String,
    pub trace_id: String,
}

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

/// The request being served; empty outside of one.
pub fn current() -> CurrentRequest {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Puts the booking's id on every log line of this request.
pub fn concerns_booking(id: impl Display) {
    Span::current().record("booking_id", field::display(id));
}

/// Does `work` to its end even if the client hangs up meanwhile, which ends a handler where it stands: what has begun
/// to move money must be kept account of.
pub async fn see_through<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let trace = TraceContext::current().unwrap_or_else(TraceContext::root);
    let work = CURRENT.scope(current(), trace.scope(work)).in_current_span();
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}

/// The middleware: wrap it around every route of a process.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = TraceContext::continue_from(text(request.headers(), TRACEPARENT));
    let current = CurrentRequest {
        path: request.uri().path().to_owned(),
        request_id: request_id(request.headers()),
        trace_id: trace.trace_id(),
    };
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!(
        "request",
        request_id = %current.request_id,
        trace_id = %current.trace_id,
        booking_id = field::Empty,
    );
    let id_header = HeaderValue::from_str(&current.request_id).expect("a request id is visible ASCII");
    request.headers_mut().insert(REQUEST_ID, id_header.clone());
    request
        .headers_mut()
        .insert(TRACEPARENT, HeaderValue::from_str(&trace.to_string()).expect("a trace context is ASCII"));

    let path = current.path.clone();
    let answer = CURRENT.scope(current, trace.scope(next.run(request)));
    let mut response = answer.instrument(span.clone()).await;
    response.headers_mut().insert(REQUEST_ID, id_header);

    span.in_scope(|| write_line(method.as_str(), &path, &response, started.elapsed()));
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    count(&method, route, response.status(), started.elapsed());
    response
}

/// The one line of a request. Probes are too many to be news.
fn write_line(method: &str, path: &str, response: &Response, took: Duration) {
    let status = response.status().as_u16();
    let ms = took.as_secs_f64() * 1e3;
    match response.extensions().get::<Cause>() {
        Some(Cause(cause)) if status == 500 => {
            tracing::error!(cause = chain(cause.as_ref()), "{method} {path} {status} {ms:.1} ms");
        }
        Some(Cause(cause)) => {
            tracing::warn!(cause = chain(cause.as_ref()), "{method} {path} {status} {ms:.1} ms");
        }
        None if is_probe(path) => tracing::event!(Level::DEBUG, "{method} {path} {status} {ms:.1} ms"),
        None => tracing::event!(Level::INFO, "{method} {path} {status} {ms:.1} ms"),
    }
}

/// What is counted of the requests with the same labels. The recorder finds it by all its labels, which costs more than
/// the counting, so each thread asks once.
struct Meters {
    requests: Counter,
    seconds: Histogram,
}

/// By method and status, and by route.
type ByOutcome = HashMap<(&'static str, StatusCode), HashMap<String, Meters>>;

thread_local! {
    static METERS: RefCell<ByOutcome> = RefCell::default();
}

impl Meters {
    fn new(method: &'static str, route: &str, status: StatusCode) -> Self {
        telemetry::record();
        let labels = [
            ("method", method.to_owned()),
            ("route", route.to_owned()),
            ("status", status.as_str().to_owned()),
        ];
        Self {
            requests: metrics::counter!("http_requests_total", &labels),
            seconds: metrics::histogram!("http_request_duration_seconds", &labels[..2]),
        }
    }
}

fn count(method: &Method, route: &str, status: StatusCode, took: Duration) {
    METERS.with_borrow_mut(|all| {
        let method = known(method);
        let by_route = all.entry((method, status)).or_default();
        if !by_route.contains_key(route) {
            by_route.insert(route.to_owned(), Meters::new(method, route, status));
        }
        let meters = &by_route[route];
        meters.requests.increment(1);
        meters.seconds.record(took);
    });
}

/// A client may make up as many methods as it likes; they are one in the metrics.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::PUT,
        Method::HEAD,
        Method::OPTIONS,
    ];
    const NAMES: [&str; 7] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"];
    KNOWN.iter().position(|known| known == method).map_or("other", |at| NAMES[at])
}

/// An error and everything under it, on one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

fn request_id(headers: &HeaderMap) -> String {
    text(headers, REQUEST_ID.as_str())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_MAX)
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
