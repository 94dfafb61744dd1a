//! Calls another service: `Retry(Breaker(Timeout(Bulkhead(reqwest))))`, within one deadline.
//!
//! After a failed call, its caller must know whether the upstream may have processed the request.
//! [`CallError`] reports this: a request that was never sent had no effect; the outcome of any other failure
//! is unknown. With retries, a call counts as never sent only if none of its attempts was sent.
//!
//! The layers, from the inside out:
//!
//! - The **bulkhead** limits the calls in flight, so that an upstream that hangs does not use up this
//!   process.
//! - The **timeout** limits one attempt.
//! - The **breaker**, one per upstream and process, stops the calls to an upstream that fails. See
//!   [`circuit_breaker`].
//! - **Retries** follow a pause with jitter, and have a budget: a share of all calls, so that an upstream in
//!   trouble does not get three times the calls. Every call must be idempotent by its `Idempotency-Key`: a
//!   retry joins the work that the first attempt began.
//! - The **deadline** limits the whole call. Its rest is sent in a header ([`http_api::deadline`]).
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
