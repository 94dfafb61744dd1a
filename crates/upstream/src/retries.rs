//! When a call is sent again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::time::Sleep;
use tower::retry::Policy;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff};
use tower::retry::budget::{Budget, TpsBudget};
use tower::util::rng::HasherRng;

use crate::answer::Answer;
use crate::attempt::Attempt;
use crate::error::CallError;
use crate::settings::Settings;

/// Maximum number of retries of one call.
const RETRIES_MAX: u32 = 2;
/// The pause before the first retry is between this and twice this. The pause before the second one is
/// longer.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// The budget is a share of the calls within this time.
const BUDGET_OVER: Duration = Duration::from_secs(10);
/// Additional retries, so that a process with few calls can retry at all.
const RETRIES_PER_SECOND_MIN: u32 = 1;

/// The retries of one call, from a budget that all calls share.
#[derive(Clone)]
pub(crate) struct Retries {
    budget: Arc<TpsBudget>,
    counter: Counter,
    made: u32,
    pauses: Option<ExponentialBackoff>,
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl Retries {
    pub(crate) fn new(upstream: &'static str, settings: &Settings) -> Self {
        let share = f32::from(settings.retry_budget_percent) / 100.0;
        let at_least = if share > 0.0 { RETRIES_PER_SECOND_MIN } else { 0 };
        let budget = Arc::new(TpsBudget::new(BUDGET_OVER, at_least, share));
        let counter = metrics::counter!("upstream_retries_total", "upstream" => upstream);
        Self { budget, counter, made: 0, pauses: None }
    }

    fn pause(&mut self) -> Sleep {
        // One generator for each call: two clones of one generator draw the same numbers.
        let fresh = || {
            ExponentialBackoffMaker::new(PAUSE, PAUSE_MAX, 1.0, HasherRng::default())
                .expect("the shortest pause is below the longest")
                .make_backoff()
        };
        self.pauses.get_or_insert_with(fresh).next_backoff()
    }
}

impl Policy<Attempt, Answer, CallError> for Retries {
    type Future = Sleep;

    fn retry(&mut self, attempt: &mut Attempt, result: &mut Result<Answer, CallError>) -> Option<Sleep> {
        if self.made == 0 {
            self.budget.deposit();
        }
        if self.made == RETRIES_MAX || !may_succeed_later(result) {
            return None;
        }
        let pause = self.pause();
        if pause.deadline() >= attempt.deadline || !self.budget.withdraw() {
            return None;
        }
        self.made += 1;
        self.counter.increment(1);
        Some(pause)
    }

    fn clone_request(&mut self, attempt: &Attempt) -> Option<Attempt> {
        Some(attempt.clone())
    }
}

/// Whether a retry may help. It does not if the upstream asked to wait, or if our own limits rejected the
/// call.
fn may_succeed_later(result: &Result<Answer, CallError>) -> bool {
    match result {
        Ok(answer) => answer.status.is_server_error() && !answer.asks_to_wait,
        Err(CallError::NotSent { .. } | CallError::Unknown { .. }) => true,
        Err(
            CallError::NotPermitted { .. } | CallError::BulkheadFull { .. } | CallError::Unreadable { .. },
        ) => false,
    }
}
