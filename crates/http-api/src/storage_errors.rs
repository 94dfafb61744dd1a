//! Which problem a failure of the database is.

use http::StatusCode;

use crate::problem::Problem;

/// An unreachable database, or one that refuses, is 503; a connection that breaks during a commit is 504. Anything else is a
/// bug.
impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::InDoubt(_) => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "outcome-unknown",
                "The connection to the database broke during the commit. Whether the change was saved is unknown.",
            )
            .retry_after(1)
            .caused_by(error),
            error if error.is_transient() => {
                Self::unavailable("The database is not available at the moment.", error)
            }
            error => Self::internal(error),
        }
    }
}
