//! A circuit breaker: calls to a service that fails are not made, until it has had time to recover.
//!
//! # The story
//!
//! A breaker is **closed** at first: every call goes through, and how it ended is written into a sliding window, of the
//! last so many calls or of the last so many seconds. Once the window has enough calls to judge by, each further one is
//! a verdict: when too many of them failed, or were slow, the breaker **opens**.
//!
//! While it is **open** no call is made. Each is refused at once with [`CallNotPermitted`], which says how long it stays
//! so: the service over there gets its rest, and the caller here its answer, instead of both waiting for a timeout.
//!
//! When that time is over, the next call finds the breaker **half-open**. A few calls may go through as probes, never
//! more; the others are still refused. When the last probe has ended, all of them are judged together by the same
//! thresholds: the breaker closes with an empty window, or opens again.
//!
//! ```text
//!            too many failed, or were slow
//!   closed ─────────────────────────────────▶ open ◀──────┐
//!     ▲                                        │          │ the probes failed
//!     │                     the wait is over   ▼          │
//!     └──────────────────────────────────── half-open ────┘
//!                 the probes went well
//! ```
//!
//! Three things keep this true when calls overlap. A call belongs to the *generation* in which it was permitted, and
//! every transition begins a new one: an answer that was asked for before the breaker opened says nothing about the
//! service after it. A call that is dropped before its end, because its caller hung up, gives its probe back. And what
//! counts as a failure is not for the breaker to know: the caller's classifier says so of each result, and may say
//! [`Verdict::Ignored`].
//!
//! A breaker ends no call: what it guards needs a timeout of its own, or a probe that never ends keeps it half-open.
//!
//! # Layout
//!
//! - [`settings`]: the thresholds, by the names that Resilience4j gave them.
//! - [`window`]: the last calls, counted.
//! - [`machine`]: the story above as a pure state machine, which is told the time.
//! - [`breaker`]: one machine shared by all callers, with its clock, its metrics and its observer.
//! - [`layer`]: the breaker around a tower service.
//! - `meters`: the metrics, by the names that Resilience4j gave them.

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

/// What a result means for the breaker: its caller's classifier says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The service does its work, whatever it answered: a 404 is a success.
    Success,
    Failure,
    /// Says nothing about the service; the call counts as never made.
    Ignored,
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
