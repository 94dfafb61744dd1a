//! Why a process could not start.

use std::error::Error;
use std::process::ExitCode;

use telemetry::chain;

use crate::arguments::EXIT_CONFIG;

/// Why a process could not start, or could not do its task: one line for an operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something is missing or refuses; a restart may help.
    #[error("{what}")]
    Refused {
        what: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Settings contradict each other. The text names the variable; a restart will not help.
    #[error("{0}")]
    Configuration(String),
}

impl StartError {
    /// The process cannot start: `what` failed because of `source`.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused { what: format!("cannot start: {}", what.into()), source: source.into() }
    }

    /// The process has started, and its task failed: `what`, because of `source`.
    pub fn not_done(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused { what: what.into(), source: source.into() }
    }

    /// Prints the error and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Refused { .. } => {
                eprintln!("{}", chain(self));
                ExitCode::FAILURE
            }
            Self::Configuration(problem) => {
                eprintln!("configuration error: {problem}");
                ExitCode::from(EXIT_CONFIG)
            }
        }
    }
}
