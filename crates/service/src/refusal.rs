//! The error of every handler.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_api::problem::Problem;

/// Why a handler refuses a request. With `?`, a problem becomes one, and so does a failure of the database.
///
/// `http-api` knows no database and `storage` knows no HTTP, so neither can convert one error into the other.
#[derive(Debug)]
pub struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// An unreachable database, or one that refuses, is 503; a connection that breaks during a commit is 504.
/// Anything else is a bug, and 500.
impl From<storage::Error> for Refusal {
    fn from(error: storage::Error) -> Self {
        Self(match error {
            storage::Error::InDoubt(_) => Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "outcome-unknown",
                "The connection to the database broke during the commit. Whether the change was saved is unknown.",
            )
            .retry_after(1)
            .caused_by(error),
            error if error.is_transient() => {
                Problem::unavailable("The database is not available at the moment.", error)
            }
            error => Problem::internal(error),
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
