//! Runs the asynchronous work of a command.

use std::error::Error;
use std::io;
use std::process::{ExitCode, Termination};

use tokio::runtime::{Builder, Runtime};

#[derive(Debug, thiserror::Error)]
#[error("cannot start")]
struct CannotStart(#[source] io::Error);

/// A runtime that only uses the current thread.
///
/// # Errors
///
/// When the system refuses it.
pub fn one_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The exit code of a command that has checked something.
pub fn exit_code(is_in_order: bool) -> ExitCode {
    if is_in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs `work` to its end, and returns the exit code of the command. Prints the error if there is one.
pub fn run<T, E>(runtime: io::Result<Runtime>, work: impl Future<Output = Result<T, E>>) -> ExitCode
where
    T: Termination,
    E: Error + 'static,
{
    match runtime.map(|runtime| runtime.block_on(work)) {
        Ok(Ok(done)) => done.report(),
        Ok(Err(error)) => crate::output::fail(&error),
        Err(error) => crate::output::fail(&CannotStart(error)),
    }
}
