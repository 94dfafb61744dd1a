//! Why an overloaded process rejects a request, and its response.

use http::StatusCode;
use http_api::problem::Problem;

/// After how many seconds a rejected client may retry.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Why a request was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shed {
    #[error("newer requests filled the queue")]
    QueueFull,
    #[error("it waited too long in the queue")]
    QueueTimeout,
    #[error("other requests use up the memory for bodies")]
    NoMemory,
}

/// 503: the process is overloaded, and did not begin this request.
pub fn overloaded(shed: Shed) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "The service is overloaded. The request was not processed; send it again later.",
    )
    .retry_after(RETRY_AFTER_SECONDS)
    .caused_by(shed)
}
