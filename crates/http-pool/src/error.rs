//! Why a request got no answer.

use std::io;

/// Why a request got no answer, and so whether the upstream may have acted on it.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No byte of the request reached the upstream.
    #[error("not reached")]
    Unreachable(#[source] io::Error),
    /// The deadline passed. The upstream may have acted on the request.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke, or the answer is not HTTP. The upstream may have acted on the request.
    #[error("no valid answer")]
    Invalid(#[source] hyper::Error),
    /// The answer is HTTP, but it cannot be passed on. The upstream may have acted on the request.
    #[error("no usable answer: {0}")]
    Unusable(&'static str),
    /// The request cannot be sent on a shared connection. It was not sent.
    #[error("{0} cannot be sent")]
    Unsendable(&'static str),
}

impl ExchangeError {
    /// Returns the error for a connection that could not be opened.
    pub(crate) fn unreachable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreachable(io::Error::other(source))
    }
}
