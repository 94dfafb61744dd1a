//! Every type of problem, and what a client should know about it.
//!
//! A test compares the catalog with the sources of all processes: each type that one of them answers has an
//! entry, with its status and a `detail` of the code, and each entry is answered by one of them.

mod bookings;
mod failures;
mod requests;

use std::sync::LazyLock;

use http::StatusCode;
use http_api::problem::{Body, Problem};

/// The trace id in examples, which is that of the W3C's own.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// For `from`: any process may answer it.
const EVERY_PROCESS: &str = "every process";

/// A type of problem. In its texts, code is between backticks.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The last part of its `type`.
    pub slug: &'static str,
    pub status: StatusCode,
    /// Which processes answer it.
    pub from: &'static str,
    pub meaning: &'static str,
    /// What the caller can do.
    pub remedy: &'static str,
    /// The example's `instance`: the path of a request that gets it.
    pub instance: &'static str,
    /// The example's `detail`.
    pub detail: &'static str,
    /// Adds the other members and headers to the example.
    pub complete: fn(Problem) -> Problem,
}

impl Kind {
    /// Returns an example of the problem.
    pub fn example(&self) -> Problem {
        (self.complete)(Problem::new(self.status, self.slug, self.detail))
    }

    /// Returns the body of the example.
    pub fn example_body(&self) -> Body {
        self.example().into_body(self.instance.to_owned(), TRACE_ID.to_owned())
    }
}

/// For `complete`: the example has no other members.
fn as_is(problem: Problem) -> Problem {
    problem
}

/// For `complete`: the request can be sent again soon.
fn soon(problem: Problem) -> Problem {
    problem.retry_after(1)
}

/// Returns all types of problems by status, and those of one status by slug.
pub fn kinds() -> &'static [Kind] {
    static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        let mut kinds = [requests::KINDS, bookings::KINDS, failures::KINDS].concat();
        kinds.sort_by_key(|kind| (kind.status.as_u16(), kind.slug));
        kinds
    });
    &KINDS
}
