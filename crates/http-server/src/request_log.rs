//! Gives each request an id, a trace, one log line and two metrics.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_api::problem::Cause;
use http_api::request::{self, CurrentRequest, REQUEST_ID, request_id};
use metrics::{Counter, Histogram};
use telemetry::chain;
use telemetry::trace_context::{TRACEPARENT, TraceContext};
use tracing::{Instrument, Level, Span};

use crate::probes::is_probe;

/// Opens the span of a request, whose fields are on all its log lines: see
/// [`request_span!`](crate::request_span).
pub type NewSpan = fn(&HeaderValue, &TraceContext) -> Span;

/// A [`NewSpan`] with the id of the request, the id of its trace, and the named fields, which [`record`]
/// fills in later: a span has no other fields than those it is declared with.
#[macro_export]
macro_rules! request_span {
    ($($field:ident),*) => {{
        use $crate::request_log::span_parts::{HeaderValue, Span, TraceContext, info_span};

        fn open(id: &HeaderValue, trace: &TraceContext) -> Span {
            info_span!(
                "request",
                request_id = id.to_str().unwrap_or_default(),
                trace_id = trace.trace_id(),
                $($field = $crate::request_log::span_parts::field::Empty,)*
            )
        }
        let open: $crate::request_log::NewSpan = open;
        open
    }};
}

/// The names in [`request_span!`](crate::request_span).
#[doc(hidden)]
pub mod span_parts {
    pub use http::HeaderValue;
    pub use telemetry::trace_context::TraceContext;
    pub use tracing::{Span, field, info_span};
}

/// Puts `value` on every further log line of this request, as a `field` that its span declares. An id is a
/// number, so that a search for 7 does not find 17.
pub fn record(field: &'static str, value: i64) {
    let span = Span::current();
    debug_assert!(span.is_disabled() || span.has_field(field), "the span declares no field {field}");
    span.record(field, value);
}

/// The middleware around every route of a process.
pub async fn layer(State(span): State<NewSpan>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    log(request, route.as_ref().map(MatchedPath::as_str), span, |request| next.run(request)).await
}

/// Middleware for the routes of a router inside [`log`]: it adds the matched route to the response.
pub async fn report_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Gives `request` its id and its place in a trace, and logs and counts its `answer`. Without a `route`, the
/// one that [`report_route`] added counts.
pub fn log<F>(
    mut request: Request,
    route: Option<&str>,
    span: NewSpan,
    answer: impl FnOnce(Request) -> F,
) -> impl Future<Output = Response>
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let (parent, path) = (text(request.headers(), TRACEPARENT), request.uri().path());
    let mut exported = if is_probe(path) {
        telemetry::Span::unrecorded(parent)
    } else {
        telemetry::Span::of_request(parent, known(request.method()), path)
    };
    let trace = exported.context();
    let current = CurrentRequest { uri: request.uri().clone(), id: request_id(request.headers()) };
    let (uri, id, method) = (current.uri.clone(), current.id.clone(), request.method().clone());
    let span = span(&id, &trace);
    request.headers_mut().insert(REQUEST_ID, id.clone());
    request.headers_mut().insert(TRACEPARENT, trace.to_header());

    let answering = request::scope(Some(current), trace.scope(answer(request))).instrument(span.clone());
    answering.map(move |mut response| {
        response.headers_mut().insert(REQUEST_ID, id);
        let took = started.elapsed();
        span.in_scope(|| write_line(method.as_str(), uri.path(), &response, took));
        let reported = || response.extensions().get().map(MatchedPath::as_str);
        let route = route.or_else(reported);
        count(&method, route.unwrap_or("unmatched"), response.status(), took);
        exported.answered(known(&method), route, response.status().as_u16());
        response
    })
}

/// Writes the line of a request. Probes are logged at debug level only.
fn write_line(method: &str, path: &str, response: &Response, took: Duration) {
    let status = response.status().as_u16();
    // In whole microseconds, because the float of a smaller unit has up to 17 digits.
    let ms = took.as_micros() as f64 / 1e3;
    macro_rules! request_line {
        ($level:expr $(, cause = $cause:expr)?) => {
            tracing::event!(
                $level,
                http.request.method = method,
                url.path = path,
                http.response.status_code = status,
                duration_ms = ms,
                $(cause = $cause,)?
                "answered a request"
            )
        };
    }
    match response.extensions().get::<Cause>() {
        Some(Cause(cause)) if status == 500 => request_line!(Level::ERROR, cause = chain(cause.as_ref())),
        Some(Cause(cause)) => request_line!(Level::WARN, cause = chain(cause.as_ref())),
        None if is_probe(path) => request_line!(Level::DEBUG),
        None => request_line!(Level::INFO),
    }
}

/// The metrics of all requests with the same labels. The recorder looks a metric up by all its labels, which
/// costs more than counting, so each thread looks it up once.
struct Meters {
    requests: Counter,
    seconds: Histogram,
}

/// The metrics by method and status, and then by route.
type AllMeters = HashMap<(&'static str, StatusCode), HashMap<String, Meters>>;

thread_local! {
    static METERS: RefCell<AllMeters> = RefCell::default();
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
            seconds: metrics::histogram!("http_request_duration_seconds", &labels),
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

/// Returns the label of a method. A client may invent any number of methods, so all unknown ones have the
/// same label.
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

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
