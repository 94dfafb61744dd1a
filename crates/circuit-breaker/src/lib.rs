//! A circuit breaker: rejects calls to a failing service until the service has had time to recover.
//!
//! # States
//!
//! A breaker starts **closed**: every call goes through, and its outcome is recorded in a sliding window over
//! the last *n* calls or the last *n* seconds. Once the window contains enough calls, the breaker evaluates
//! it after each call. If too many calls failed or were slow, the breaker **opens**.
//!
//! An **open** breaker rejects every call at once with [`CallNotPermitted`], which contains the remaining
//! wait. The service gets time to recover, and callers get a response instead of a timeout.
//!
//! After the wait, the next call turns the breaker **half-open**. A limited number of calls go through as
//! probes; all others are rejected. When the last probe has ended, the same thresholds are applied to all
//! probes: the breaker closes with an empty window, or opens again.
//!
//! ```text
//!            too many failed, or were slow
//!   closed ─────────────────────────────────▶ open ◀──────┐
//!     ▲                                        │          │ too many probes failed, or were slow
//!     │                     the wait is over   ▼          │
//!     └──────────────────────────────────── half-open ────┘
//!                 enough probes succeeded
//! ```
//!
//! Calls may overlap with transitions. Each call belongs to the *generation* in which it was permitted, and
//! every transition begins a new one. The result of a call from an earlier generation does not count, because
//! it shows nothing about the present state of the service. A call that is dropped before its end returns its
//! probe.
//!
//! The caller's classifier decides which results are failures. It can also ignore a result:
//! [`Verdict::Ignored`].
//!
//! A breaker does not end calls. Each call needs a timeout, because a probe that never ends keeps the breaker
//! half-open.
//!
//! # Layout
//!
//! - [`settings`]: the thresholds, with Resilience4j's names.
//! - [`window`]: the sliding window.
//! - [`machine`]: the states above as a pure state machine, to which the caller passes the time.
//! - [`breaker`]: one machine, shared by all callers, with a clock, metrics and an observer.
//! - [`layer`]: the breaker around a tower service.
//! - `meters`: the metrics, with Resilience4j's names.

pub mod breaker;
pub mod layer;
pub mod machine;
mod meters;
pub mod settings;
pub mod window;

pub use breaker::{Call, CircuitBreaker, Transition};
pub use layer::{CircuitBreakerLayer, CircuitBreakerService, Error};
pub use machine::{CallNotPermitted, State};
pub use settings::{InvalidSettings, Settings, SlidingWindowType};
pub use window::Measured;

/// What a result means for the breaker. The caller's classifier decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service works, whatever its response: a 404 is a success.
    Success,
    Failure,
    /// The result shows nothing about the service. The call is not counted.
    Ignored,
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
