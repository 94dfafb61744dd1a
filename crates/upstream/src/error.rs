//! A call without a usable response.

use std::error::Error;
use std::time::Duration;

/// Why a call has no usable response.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request never left this process: the upstream did nothing.
    #[error("{upstream} was not reached")]
    NotSent {
        upstream: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The breaker is open: the request never left this process.
    #[error("{upstream} is not called at the moment: its circuit breaker is open")]
    NotPermitted {
        upstream: &'static str,
        /// The rest of the open time; zero if the breaker is half-open and all its probes are in flight.
        retry_after: Duration,
    },
    /// Too many calls are in flight: the request never left this process.
    #[error("{upstream} is not called at the moment: too many calls are in flight")]
    BulkheadFull { upstream: &'static str },
    /// The upstream may have processed the request.
    #[error("{upstream} did not respond; the outcome is unknown")]
    Unknown {
        upstream: &'static str,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The response cannot be read, so the outcome is unknown too.
    #[error("the response of {upstream} is unreadable: {detail}")]
    Unreadable { upstream: &'static str, detail: String },
}

impl CallError {
    pub(crate) fn unknown(upstream: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unknown { upstream, source: source.into() }
    }

    /// Whether the upstream can have done nothing, because no attempt of the call has left this process.
    pub fn was_never_sent(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::NotPermitted { .. } | Self::BulkheadFull { .. } => true,
            Self::Unknown { .. } | Self::Unreadable { .. } => false,
        }
    }

    /// Returns when the breaker may permit the next call, if it rejected this one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotPermitted { retry_after, .. } => Some(*retry_after),
            // One attempt was sent before the breaker rejected the next one.
            Self::Unknown { source, .. } => source.downcast_ref::<Self>().and_then(Self::retry_after),
            Self::NotSent { .. } | Self::BulkheadFull { .. } | Self::Unreadable { .. } => None,
        }
    }
}
