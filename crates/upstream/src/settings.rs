//! The settings of an upstream, with the same flags and variables for each.

use std::time::Duration;

use circuit_breaker::SlidingWindowType;
use reqwest::Url;

/// How an upstream is called.
#[derive(Clone, Debug)]
pub struct Settings {
    pub url: Url,
    /// Limits a whole call with all its attempts.
    pub deadline: Duration,
    /// Limits one attempt, from the connection to the last byte of the response.
    pub attempt_timeout: Duration,
    /// Maximum number of calls in flight. Further calls are rejected.
    pub max_concurrent_calls: usize,
    /// Retries as a share of calls; 0 for none.
    pub retry_budget_percent: u8,
    pub breaker: circuit_breaker::Settings,
}

impl Settings {
    /// The defaults of [`upstream_args!`](crate::upstream_args), which are those of the original services:
    /// 610 ms for an attempt, and 5 s open after half of at least 20 calls in 10 s have failed.
    pub fn new(url: Url, deadline: Duration) -> Self {
        Self {
            url,
            deadline,
            attempt_timeout: Duration::from_millis(610),
            max_concurrent_calls: 512,
            retry_budget_percent: 20,
            breaker: circuit_breaker::Settings {
                sliding_window_type: SlidingWindowType::TimeBased,
                sliding_window_size: 10,
                minimum_number_of_calls: 20,
                wait_duration_in_open_state: Duration::from_secs(5),
                ..circuit_breaker::Settings::default()
            },
        }
    }
}

/// The parsers of the flags and variables.
pub mod parse {
    use super::SlidingWindowType;

    /// Reads a percentage above 0, up to 100.
    ///
    /// # Errors
    ///
    /// When the text is anything else.
    pub fn rate(text: &str) -> Result<f64, String> {
        let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= 100.0);
        rate.ok_or_else(|| "must be a percentage above 0, of at most 100".to_owned())
    }

    /// Reads Resilience4j's name of a window type, in any case.
    ///
    /// # Errors
    ///
    /// When the text is neither name.
    pub fn window_type(text: &str) -> Result<SlidingWindowType, String> {
        match text.to_ascii_lowercase().as_str() {
            "count_based" => Ok(SlidingWindowType::CountBased),
            "time_based" => Ok(SlidingWindowType::TimeBased),
            _ => Err("must be count_based or time_based".to_owned()),
        }
    }
}

/// Defines the flags and variables of one upstream, as a struct to flatten into a configuration:
/// `PAYMENT_URL`, `PAYMENT_DEADLINE_MS`, … for `upstream_args!(/** … */ PaymentArgs, "payment", "PAYMENT",
/// "http://127.0.0.1:8082")`.
#[macro_export]
macro_rules! upstream_args {
    ($(#[$doc:meta])* $name:ident, $upstream:literal, $variable:literal, $url:literal) => {
        $(#[$doc])*
        #[derive(clap::Args, Clone, Debug)]
        #[group(skip)]
        pub struct $name {
            #[arg(id = concat!($upstream, "-url"), long = concat!($upstream, "-url"), env = concat!($variable, "_URL"),
                value_name = "URL", default_value = $url, help = concat!("Base URL of ", $upstream))]
            url: reqwest::Url,

            #[arg(id = concat!($upstream, "-deadline-ms"), long = concat!($upstream, "-deadline-ms"),
                env = concat!($variable, "_DEADLINE_MS"), value_name = "MS", default_value_t = 1_500,
                value_parser = clap::value_parser!(u64).range(1..), help = concat!("Maximum time for a call to ",
                $upstream, ", all attempts included, in milliseconds; after that, the outcome is unknown"))]
            deadline_ms: u64,

            #[arg(id = concat!($upstream, "-attempt-timeout-ms"), long = concat!($upstream, "-attempt-timeout-ms"),
                env = concat!($variable, "_ATTEMPT_TIMEOUT_MS"), value_name = "MS", default_value_t = 610,
                value_parser = clap::value_parser!(u64).range(1..),
                help = "Longest wait for one attempt, in milliseconds; a retry joins the work that it began")]
            attempt_timeout_ms: u64,

            #[arg(id = concat!($upstream, "-max-concurrent-calls"), long = concat!($upstream, "-max-concurrent-calls"),
                env = concat!($variable, "_MAX_CONCURRENT_CALLS"), value_name = "CALLS", default_value_t = 512,
                value_parser = clap::value_parser!(u32).range(1..),
                help = concat!("Maximum number of calls to ", $upstream, " in flight (bulkhead); further calls are rejected"))]
            max_concurrent_calls: u32,

            #[arg(id = concat!($upstream, "-retry-budget-percent"), long = concat!($upstream, "-retry-budget-percent"),
                env = concat!($variable, "_RETRY_BUDGET_PERCENT"), value_name = "PERCENT", default_value_t = 20,
                value_parser = clap::value_parser!(u8).range(0..=100),
                help = "Retries as a share of calls, in percent, plus one a second; 0 for no retries")]
            retry_budget_percent: u8,

            #[arg(id = concat!($upstream, "-breaker-failure-rate-threshold"),
                long = concat!($upstream, "-breaker-failure-rate-threshold"),
                env = concat!($variable, "_BREAKER_FAILURE_RATE_THRESHOLD"), value_name = "PERCENT",
                default_value_t = 50.0, value_parser = $crate::parse::rate,
                help = "Share of failed attempts at which the circuit breaker opens, in percent")]
            failure_rate_threshold: f64,

            #[arg(id = concat!($upstream, "-breaker-slow-call-rate-threshold"),
                long = concat!($upstream, "-breaker-slow-call-rate-threshold"),
                env = concat!($variable, "_BREAKER_SLOW_CALL_RATE_THRESHOLD"), value_name = "PERCENT",
                default_value_t = 100.0, value_parser = $crate::parse::rate,
                help = "Share of slow attempts at which the circuit breaker opens, in percent")]
            slow_call_rate_threshold: f64,

            #[arg(id = concat!($upstream, "-breaker-slow-call-duration-threshold-ms"),
                long = concat!($upstream, "-breaker-slow-call-duration-threshold-ms"),
                env = concat!($variable, "_BREAKER_SLOW_CALL_DURATION_THRESHOLD_MS"), value_name = "MS",
                default_value_t = 60_000,
                help = "An attempt that takes longer, in milliseconds, counts as slow. A value above the attempt timeout disables this")]
            slow_call_duration_threshold_ms: u64,

            #[arg(id = concat!($upstream, "-breaker-sliding-window-type"),
                long = concat!($upstream, "-breaker-sliding-window-type"),
                env = concat!($variable, "_BREAKER_SLIDING_WINDOW_TYPE"), value_name = "TYPE",
                default_value = "time_based", value_parser = $crate::parse::window_type,
                help = "What the window of the circuit breaker covers: time_based, the last n seconds; count_based, the last n calls")]
            sliding_window_type: $crate::circuit_breaker::SlidingWindowType,

            #[arg(id = concat!($upstream, "-breaker-sliding-window-size"),
                long = concat!($upstream, "-breaker-sliding-window-size"),
                env = concat!($variable, "_BREAKER_SLIDING_WINDOW_SIZE"), value_name = "SIZE", default_value_t = 10,
                value_parser = clap::value_parser!(u32).range(1..), help = "Size of the window, in seconds or in calls")]
            sliding_window_size: u32,

            #[arg(id = concat!($upstream, "-breaker-minimum-number-of-calls"),
                long = concat!($upstream, "-breaker-minimum-number-of-calls"),
                env = concat!($variable, "_BREAKER_MINIMUM_NUMBER_OF_CALLS"), value_name = "CALLS",
                default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..),
                help = "Minimum number of attempts in the window before the circuit breaker can open")]
            minimum_number_of_calls: u32,

            #[arg(id = concat!($upstream, "-breaker-wait-duration-in-open-state-ms"),
                long = concat!($upstream, "-breaker-wait-duration-in-open-state-ms"),
                env = concat!($variable, "_BREAKER_WAIT_DURATION_IN_OPEN_STATE_MS"), value_name = "MS",
                default_value_t = 5_000, help = "How long the circuit breaker stays open and rejects all calls, in milliseconds")]
            wait_duration_in_open_state_ms: u64,

            #[arg(id = concat!($upstream, "-breaker-permitted-number-of-calls-in-half-open-state"),
                long = concat!($upstream, "-breaker-permitted-number-of-calls-in-half-open-state"),
                env = concat!($variable, "_BREAKER_PERMITTED_NUMBER_OF_CALLS_IN_HALF_OPEN_STATE"),
                value_name = "CALLS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..),
                help = "Number of probe calls after the open state, which decide whether the circuit breaker closes")]
            permitted_number_of_calls_in_half_open_state: u32,
        }

        impl From<$name> for $crate::Settings {
            fn from(args: $name) -> Self {
                use std::time::Duration;
                Self {
                    url: args.url,
                    deadline: Duration::from_millis(args.deadline_ms),
                    attempt_timeout: Duration::from_millis(args.attempt_timeout_ms),
                    max_concurrent_calls: args.max_concurrent_calls as usize,
                    retry_budget_percent: args.retry_budget_percent,
                    breaker: $crate::circuit_breaker::Settings {
                        failure_rate_threshold: args.failure_rate_threshold,
                        slow_call_rate_threshold: args.slow_call_rate_threshold,
                        slow_call_duration_threshold: Duration::from_millis(args.slow_call_duration_threshold_ms),
                        sliding_window_type: args.sliding_window_type,
                        sliding_window_size: args.sliding_window_size,
                        minimum_number_of_calls: args.minimum_number_of_calls,
                        wait_duration_in_open_state: Duration::from_millis(args.wait_duration_in_open_state_ms),
                        permitted_number_of_calls_in_half_open_state: args
                            .permitted_number_of_calls_in_half_open_state,
                    },
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    upstream_args!(
        /// How the example is called.
        ExampleArgs, "example", "EXAMPLE", "http://127.0.0.1:1"
    );

    #[derive(Parser, Debug)]
    struct Example {
        #[command(flatten)]
        example: ExampleArgs,
    }

    fn parsed(args: &[&str]) -> Result<Settings, String> {
        let example = Example::try_parse_from(std::iter::once(&"example").chain(args));
        example.map(|parsed| parsed.example.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_of_the_flags_are_those_of_the_settings() {
        let written = Settings::new("http://127.0.0.1:1".parse().unwrap(), Duration::from_millis(1_500));
        assert_eq!(format!("{:?}", parsed(&[]).unwrap()), format!("{written:?}"));
    }

    #[test]
    fn every_number_has_a_flag() {
        let settings = parsed(&[
            "--example-attempt-timeout-ms=7",
            "--example-breaker-sliding-window-type=COUNT_BASED",
            "--example-breaker-failure-rate-threshold=12.5",
        ])
        .unwrap();
        assert_eq!(settings.attempt_timeout, Duration::from_millis(7));
        assert_eq!(settings.breaker.sliding_window_type, SlidingWindowType::CountBased);
        assert!((settings.breaker.failure_rate_threshold - 12.5).abs() < f64::EPSILON);
    }

    #[test]
    fn settings_that_no_breaker_accepts_are_refused() {
        for wrong in [
            "--example-breaker-failure-rate-threshold=0",
            "--example-breaker-slow-call-rate-threshold=101",
            "--example-breaker-sliding-window-type=LAST",
            "--example-breaker-sliding-window-size=0",
            "--example-deadline-ms=0",
            "--example-retry-budget-percent=101",
        ] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
    }
}
