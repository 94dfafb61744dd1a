//! Waits for a condition, with a timeout.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Far longer than any condition takes on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Polls `condition` until it returns a value. After the timeout, panics with the last error.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(reason) if started.elapsed() > TIMEOUT => panic!("timed out waiting for {what}: {reason}"),
            Err(_) => sleep(POLL_INTERVAL).await,
        }
    }
}
