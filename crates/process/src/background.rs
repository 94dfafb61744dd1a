//! A task beside the server.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Maximum time a task may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// `EX_SOFTWARE` of sysexits.h: a background task panicked, and the process must not run without it.
const EXIT_BUG: i32 = 70;

/// A task that runs beside the server until it is stopped.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Background {
    /// Starts `task`, which must end soon after its token is canceled. If it panics, the process exits: a
    /// process that looks alive and does half of its work is worse than none.
    pub fn spawn<F>(name: &'static str, task: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let inner = tokio::spawn(task(stop.clone()));
        let handle = tokio::spawn(async move {
            if let Err(failure) = inner.await
                && failure.is_panic()
            {
                tracing::error!(task = name, "a background task panicked; the process ends");
                telemetry::flush();
                std::process::exit(EXIT_BUG);
            }
        });
        Self { name, stop, handle }
    }

    /// Cancels the task and waits until it ends, for at most 10 seconds.
    pub async fn stop(self) {
        self.stop.cancel();
        if timeout(STOP_TIMEOUT, self.handle).await.is_err() {
            tracing::warn!(
                task = self.name,
                timeout_seconds = STOP_TIMEOUT.as_secs(),
                "a background task did not stop in time"
            );
        }
    }
}
