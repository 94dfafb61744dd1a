//! Generated HTTP/1.1 exchanges, an upstream that watches every byte, and the judge of both. For tests only.
//!
//! A desync is a disagreement between two ends of a connection about where one message ends and the next begins. One
//! client then gets the answer of another, or a body is executed as a request. This crate looks for them: it sends
//! generated exchanges through a subject (a connection pool, or a whole gateway) to an upstream of its own, and checks
//! that every client gets its own answer or an error that says so, and that the upstream sees exactly the requests that
//! were sent.
//!
//! The parser is its own and strict. A bug of hyper's, or a leniency, must not be on both sides.
//!
//! Every body is made of text that reads as a request or as an answer, so that a message read at a wrong place shows as
//! one that nobody sent.
//!
//! # Layout
//!
//! - [`exchange`]: what a client sends, what the upstream does, and both as one line of text.
//! - [`mod@generate`]: exchanges from a seed.
//! - [`mod@plan`]: the exchanges of one run, each with its nonce and its two bodies.
//! - [`reader`]: the strict parser.
//! - [`script`]: the bytes of an answer.
//! - [`upstream`]: the server that plays the scripts.
//! - [`client`]: a client connection without a pool.
//! - [`ledger`]: what the upstream has seen.
//! - [`mod@judge`]: the properties.
//! - [`mod@run`]: one run, and the search for the shortest failing sequence.
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
