//! The response to a call.

use http::StatusCode;

/// The response of the upstream, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// The upstream asked to wait before the next call.
    pub(crate) asks_to_wait: bool,
    /// Attempts that may have reached the upstream, including this one.
    pub(crate) attempts: usize,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether no earlier attempt of the same call can have had an effect without a response.
    pub fn is_of_only_attempt(&self) -> bool {
        self.attempts <= 1
    }
}
