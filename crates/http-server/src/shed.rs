//! Why a process rejects a request in an overload, and how it answers.

use http::StatusCode;
use http_api::problem::Problem;

/// After how many seconds a rejected client may retry.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why a request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    #[error("newer requests filled the queue")]
    QueueFull,
    #[error("it waited too long")]
    QueueTimeout,
    #[error("other bodies hold the memory for bodies")]
    NoMemory,
}

/// 503: the process is overloaded, and this request was not begun.
pub fn overloaded(shed: Shed) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "More is asked for than can be done in time. Nothing was done; the same request may be sent again.",
    )
    .retry_after(RETRY_AFTER_SECONDS)
    .caused_by(shed)
}
