//! Finds HTTP/1.1 desyncs with generated exchanges and an upstream that checks every byte. For tests only.
//!
//! In a desync, the two ends of a connection disagree about where one message ends and the next begins. One
//! client then gets the answer of another, or a body is executed as a request. This crate sends generated
//! exchanges through a subject (a connection pool, or a whole gateway) to its own upstream. It checks that
//! every client gets its own answer or an error, and that the upstream receives exactly the requests that
//! were sent.
//!
//! The crate has its own strict parser, so that a bug or a leniency of hyper is not on both sides.
//!
//! Every body consists of text that looks like a request or an answer, so that a message that is parsed at a
//! wrong position is recognized as one that was never sent.
//!
//! # Layout
//!
//! - [`exchange`]: one exchange, and its text form.
//! - [`mod@generate`]: generates exchanges from a seed.
//! - [`mod@plan`]: the exchanges of one run, each with its nonce and its two bodies.
//! - [`reader`]: the strict parser.
//! - [`script`]: the bytes of the upstream's answers.
//! - [`upstream`]: the upstream, which answers as the exchanges specify.
//! - [`client`]: a client connection without a pool.
//! - [`ledger`]: records what the upstream received.
//! - [`mod@judge`]: checks the outcome of each exchange.
//! - [`mod@run`]: performs a run, and searches for the shortest failing sequence.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod client;
pub mod exchange;
pub mod generate;
pub mod judge;
pub mod ledger;
pub mod plan;
pub mod reader;
pub mod run;
pub mod script;
pub mod upstream;

pub use exchange::{After, Exchange, Form, Leave, Method, Target, When};
pub use generate::{GATEWAY_BODY_MAX, Kind, generate};
pub use judge::{Answer, AnswerBody, Outcome};
pub use plan::{Plan, Planned};
pub use run::{LANES, Report, Subject, explain, run};
pub use upstream::Upstream;
