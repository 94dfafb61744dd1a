//! Waiting for a condition, with an end.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// Far beyond what anything takes on a slow machine: reaching it is a failure, not a slow day.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Asks until `condition` holds, and gives its value. What it last said against it is the panic's message.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(reason) if started.elapsed() > PATIENCE => panic!("waited in vain for {what}: {reason}"),
            Err(_) => sleep(POLL_INTERVAL).await,
        }
    }
}
