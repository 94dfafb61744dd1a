//! The layers around a call.

use circuit_breaker::{CircuitBreaker, CircuitBreakerLayer, State, Transition, Verdict};
use telemetry::outage::Outage;
use tower::load_shed::error::Overloaded;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

use crate::answer::Answer;
use crate::attempt::{self, Attempt};
use crate::error::CallError;
use crate::retries::Retries;
use crate::settings::Settings;

/// Creates the breaker of `upstream`. While it is not closed, the log contains an outage of `upstream`.
pub(crate) fn breaker(upstream: &'static str, settings: &Settings) -> CircuitBreaker {
    let outage = Outage::of(upstream);
    let log = move |transition: &Transition| {
        let Transition { from, to, measured } = transition;
        let (calls, failed, slow) = (measured.calls, measured.failed, measured.slow);
        match (from, to) {
            (State::HalfOpen, State::Open) => outage.failed(format!(
                "the circuit breaker is open again: of {calls} probes, {failed} failed and {slow} were slow"
            )),
            (_, State::Open) => outage.failed(format!(
                "the circuit breaker is open: of the last {calls} calls, {failed} failed and {slow} were slow"
            )),
            (_, State::HalfOpen) => {
                tracing::debug!(dependency = upstream, "the circuit breaker is half-open");
            }
            (_, State::Closed) => outage.succeeded(),
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
