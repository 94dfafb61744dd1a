//! The response to a call.

use http::StatusCode;

/// What the other side said, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// It asked not to be asked again at once.
    pub(crate) asks_to_wait: bool,
    /// Attempts that may have reached the other side, with the one that was answered.
    pub(crate) attempts: usize,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether no earlier attempt of the same call may have been acted on without an answer.
    pub fn is_of_only_attempt(&self) -> bool {
        self.attempts <= 1
    }
}
