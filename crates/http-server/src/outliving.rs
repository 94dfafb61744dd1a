//! Work that outlives its request.

use std::panic::resume_unwind;

use http_api::request;
use telemetry::trace_context::TraceContext;
use tracing::Instrument;

use crate::overload::{held, holding};

/// Runs `work` to its end. A handler is dropped at its current `await` when its client hangs up or its
/// deadline passes, but money that has begun to move must be accounted for. The work keeps the place and the
/// memory of its request until it ends, and a process that stops waits for it.
pub async fn run_to_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let trace = TraceContext::current().unwrap_or_else(TraceContext::root);
    let work = request::scope(request::current(), trace.scope(work)).in_current_span();
    let done = tokio::spawn(holding(held(), work)).await;
    done.unwrap_or_else(|failure| resume_unwind(failure.into_panic()))
}
