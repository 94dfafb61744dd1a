//! Calls another service: `Retry(Breaker(Timeout(Bulkhead(reqwest))))`, within one deadline.
//!
//! The one thing a caller must know of a failed call is whether the other side may have acted on it. [`CallError`] says
//! so: a request that was never sent did nothing; of any other failure the outcome is unknown. With retries, a call
//! counts as never sent only if no attempt of it ever left.
//!
//! Of the layers, from the inside out:
//!
//! - The **bulkhead** bounds the calls under way, so that an upstream that hangs does not collect all there is in here.
//! - The **timeout** is one attempt's.
//! - The **breaker**, one per upstream and process, stops asking an upstream that fails. See [`circuit_breaker`].
//! - **Retries** have a pause with jitter before them, and a budget: a share of all calls. An upstream in trouble is not
//!   asked for everything two times more. Every call must be idempotent, and says so with its `Idempotency-Key`: a retry
//!   joins what the first attempt began.
//! - The **deadline** bounds it all. What is left of it goes along in a header ([`http_api::deadline`]).
//!
//! # Layout
//!
//! - [`upstream_args!`], [`Settings`], [`parse`] (`settings`): the flags and variables of one upstream.
//! - [`Upstream`] (`client`): the client of one upstream.
//! - `stack`: the layers around a call, and the breaker's log lines.
//! - `retries`: when a call is sent again.
//! - `attempt`: one attempt on the wire.
//! - [`Answer`], [`CallError`] (`answer`, `error`): how a call ends.

mod answer;
mod attempt;
mod client;
mod error;
mod retries;
mod settings;
mod stack;

pub use answer::Answer;
pub use circuit_breaker;
pub use client::Upstream;
pub use error::CallError;
pub use reqwest::Url;
pub use settings::{Settings, parse};
