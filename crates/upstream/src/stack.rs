//! The layers around a call.

use circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, State, Transition, Verdict};
use tower::load_shed::error::Overloaded;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

use crate::answer::Answer;
use crate::attempt::{self, Attempt};
use crate::error::CallError;
use crate::retries::Retries;
use crate::settings::Settings;

/// Creates the breaker of `upstream`, which logs its transitions.
pub(crate) fn breaker(upstream: &'static str, settings: &Settings) -> CircuitBreaker {
    let open_for = settings.breaker.wait_duration_in_open_state;
    let probes = settings.breaker.permitted_number_of_calls_in_half_open_state;
    let log = move |transition: &Transition| {
        let Transition { from, to, measured } = transition;
        let (calls, failed, slow) = (measured.calls, measured.failed, measured.slow);
        match (from, to) {
            (State::HalfOpen, State::Open) => tracing::warn!(
                "circuit breaker of {upstream} is open again for {open_for:?}: of {calls} probes, {failed} failed and {slow} were slow"
            ),
            (_, State::Open) => tracing::warn!(
                "circuit breaker of {upstream} is open and rejects all calls for {open_for:?}: of the last {calls} calls, {failed} failed and {slow} were slow"
            ),
            (_, State::HalfOpen) => {
                tracing::info!("circuit breaker of {upstream} is half-open: {probes} probes are permitted");
            }
            (_, State::Closed) => {
                tracing::info!("circuit breaker of {upstream} is closed: of {calls} probes, {failed} failed");
            }
        }
    };
    CircuitBreaker::observed(upstream, settings.breaker.clone(), log)
        .expect("the flags' ranges are the breaker's")
}

/// Creates the layers around a call, outermost first.
pub(crate) fn stack(
    upstream: &'static str,
    settings: &Settings,
    breaker: &CircuitBreaker,
) -> BoxCloneSyncService<Attempt, Answer, CallError> {
    let client = attempt::client(settings);
    let timeout = settings.attempt_timeout;
    let full = metrics::counter!("upstream_bulkhead_full_total", "upstream" => upstream);
    let stack = ServiceBuilder::new()
        .retry(Retries::new(upstream, settings))
        .map_err(move |error| refused(upstream, error))
        .layer(CircuitBreakerLayer::new(breaker.clone(), classify as Classify))
        .map_err(move |error: BoxError| match error.downcast::<CallError>() {
            Ok(error) => *error,
            Err(error) if error.is::<Overloaded>() => {
                full.increment(1);
                CallError::BulkheadFull { upstream }
            }
            Err(late) => CallError::unknown(upstream, late),
        })
        .timeout(timeout)
        .load_shed()
        .concurrency_limit(settings.max_concurrent_calls)
        .service_fn(move |attempt| attempt::send(upstream, client.clone(), timeout, attempt));
    BoxCloneSyncService::new(stack)
}

type Classify = fn(&Result<Answer, CallError>) -> Verdict;

/// A response below 500, even a refusal, comes from a working service. A call that our own bulkhead rejects
/// is no result of the upstream.
fn classify(result: &Result<Answer, CallError>) -> Verdict {
    match result {
        Ok(answer) if answer.status.is_server_error() => Verdict::Failure,
        Ok(_) => Verdict::Success,
        Err(CallError::BulkheadFull { .. }) => Verdict::Ignored,
        Err(_) => Verdict::Failure,
    }
}

fn refused(upstream: &'static str, error: circuit_breaker::Error<CallError>) -> CallError {
    match error {
        circuit_breaker::Error::NotPermitted(refused) => {
            CallError::NotPermitted { upstream, retry_after: refused.retry_after }
        }
        circuit_breaker::Error::Inner(error) => error,
    }
}
