//! From the arguments to the exit code.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use telemetry::LogSettings;
use tokio::runtime::{Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::arguments::{self, EXIT_CONFIG};
use crate::error::StartError;
use crate::stop::stop_signal;
use crate::version::VERSION;

/// Maximum time the runtime waits for blocking work after the process has ended.
const RUNTIME_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// How a process is started and stopped.
#[derive(clap::Args, Clone, Debug)]
pub struct ProcessSettings {
    /// Stop when standard input ends. The launcher's children notice by this that the launcher is gone.
    #[arg(long, hide = true)]
    pub stop_on_stdin_eof: bool,

    /// Start nothing. Ask the process that listens on ADMIN_PORT, or else on PORT, of this machine whether it
    /// is ready, and exit with 0 if it is: a health check for containers, which contain no other program.
    #[arg(long)]
    pub healthcheck: bool,

    /// Block the event loop after this many milliseconds, to test that an orchestrator notices a process that
    /// hangs.
    #[arg(long, env = "TRIAL_HANG_AFTER_MS", hide = true)]
    pub hang_after_ms: Option<u64>,
}

/// Runs a process: reads its configuration from `args` and the environment, starts telemetry, and runs `body`
/// to its end.
///
/// `settings` returns the shared settings in the configuration. The token that `body` gets is canceled when
/// the process is to stop.
pub fn run<C, F>(
    args: impl IntoIterator<Item = OsString>,
    settings: impl FnOnce(&C) -> (&LogSettings, &ProcessSettings),
    body: impl FnOnce(C, CancellationToken) -> F,
) -> ExitCode
where
    C: Parser,
    F: Future<Output = Result<(), StartError>>,
{
    let config: C = match arguments::parse(args) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let (log, process) = settings(&config);
    let process = process.clone();
    if let Err(problem) = telemetry::init(C::command().get_name(), log) {
        eprintln!("configuration error: {problem}");
        return ExitCode::from(EXIT_CONFIG);
    }
    metrics::gauge!("build_info", "version" => VERSION).set(1.0);
    raise_open_files();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::spawn(telemetry::upkeep());
        if let Some(delay_ms) = process.hang_after_ms {
            tokio::spawn(hang_after(Duration::from_millis(delay_ms)));
        }
        let stop = stop_signal(process.stop_on_stdin_eof);
        body(config, stop).await
    });
    runtime.shutdown_timeout(RUNTIME_STOP_TIMEOUT);
    telemetry::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// Raises the limit of open files to its maximum: the default of many systems allows only 1,024 connections.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If the system refuses, the process has fewer connections, and logs an error when it needs more.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Blocks every thread of the runtime, as endless loops without an `await` would.
async fn hang_after(delay: Duration) {
    tokio::time::sleep(delay).await;
    tracing::error!("the event loop hangs now because of TRIAL_HANG_AFTER_MS");
    // A thread may take two of these tasks before it blocks on the first.
    for _ in 0..2 * Handle::current().metrics().num_workers() {
        tokio::spawn(async {
            loop {
                std::thread::park();
            }
        });
    }
}
