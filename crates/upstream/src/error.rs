//! A call without an answer.

use std::error::Error;
use std::time::Duration;

/// A call without an answer that decides anything.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request never left this process: nothing happened over there.
    #[error("{upstream} was not reached")]
    NotSent {
        upstream: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The breaker is open: the request never left this process.
    #[error("{upstream} is not called for now: its circuit breaker is open")]
    NotPermitted {
        upstream: &'static str,
        /// What is left of the open time. `None`: until somebody closes it.
        retry_after: Option<Duration>,
    },
    /// Too many calls are under way: the request never left this process.
    #[error("{upstream} is not called for now: too many calls are under way")]
    BulkheadFull { upstream: &'static str },
    /// The request may have been acted on.
    #[error("{upstream} did not answer; the outcome is unknown")]
    Unknown {
        upstream: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// An answer came that cannot be read, so the outcome is unknown too.
    #[error("{upstream} answered with something unreadable: {detail}")]
    Unreadable { upstream: &'static str, detail: String },
}

impl CallError {
    pub(crate) fn unknown(upstream: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown { upstream, source: source.into() }
    }

    /// Whether nothing can have happened over there: no attempt of the call has left this process.
    pub fn was_never_sent(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::NotPermitted { .. } | Self::BulkheadFull { .. } => true,
            Self::Unknown { .. } | Self::Unreadable { .. } => false,
        }
    }

    /// When the breaker may let the next call through, if it was the breaker that ended this one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotPermitted { retry_after, .. } => *retry_after,
            // An attempt had left before the breaker refused the next one.
            Self::Unknown { source, .. } => source.downcast_ref::<Self>().and_then(Self::retry_after),
            Self::NotSent { .. } | Self::BulkheadFull { .. } | Self::Unreadable { .. } => None,
        }
    }
}
