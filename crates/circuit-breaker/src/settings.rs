//! The settings of a breaker, with Resilience4j's names and defaults.

use std::time::Duration;

/// The settings of one breaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Share of failed calls at which the breaker opens, in percent: above 0, up to 100.
    pub failure_rate_threshold: f64,
    /// Share of slow calls at which the breaker opens, in percent: above 0, up to 100.
    pub slow_call_rate_threshold: f64,
    /// A call that takes longer than this is slow, whether it fails or not.
    pub slow_call_duration_threshold: Duration,
    pub sliding_window_type: SlidingWindowType,
    /// The window's size, in calls or in seconds, depending on its type.
    pub sliding_window_size: u32,
    /// Number of calls that the window must contain before the rates are evaluated. A count-based window
    /// smaller than that is evaluated once it is full.
    pub minimum_number_of_calls: u32,
    /// How long the breaker rejects all calls.
    pub wait_duration_in_open_state: Duration,
    /// Number of probes that decide whether the breaker closes again.
    pub permitted_number_of_calls_in_half_open_state: u32,
}

/// What the sliding window contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlidingWindowType {
    /// The last `sliding_window_size` calls.
    CountBased,
    /// The calls of the last `sliding_window_size` seconds.
    TimeBased,
}

/// A setting that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    #[error("{0} must be above 0 and at most 100")]
    Rate(&'static str),
    #[error("{0} must be at least 1")]
    Zero(&'static str),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration_threshold: Duration::from_secs(60),
            sliding_window_type: SlidingWindowType::CountBased,
            sliding_window_size: 100,
            minimum_number_of_calls: 100,
            wait_duration_in_open_state: Duration::from_secs(60),
            permitted_number_of_calls_in_half_open_state: 10,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), InvalidSettings> {
        let rates = [
            ("failure_rate_threshold", self.failure_rate_threshold),
            ("slow_call_rate_threshold", self.slow_call_rate_threshold),
        ];
        let counts = [
            ("sliding_window_size", self.sliding_window_size),
            ("minimum_number_of_calls", self.minimum_number_of_calls),
            (
                "permitted_number_of_calls_in_half_open_state",
                self.permitted_number_of_calls_in_half_open_state,
            ),
        ];
        if let Some((name, _)) = rates.into_iter().find(|(_, rate)| !(*rate > 0.0 && *rate <= 100.0)) {
            return Err(InvalidSettings::Rate(name));
        }
        match counts.into_iter().find(|(_, count)| *count == 0) {
            Some((name, _)) => Err(InvalidSettings::Zero(name)),
            None => Ok(()),
        }
    }
}
