//! One port of a process.

use std::sync::Arc;

use http_api::peers::Exempt;
use http_connections::{Answers, ConnectionLimits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Limits;
use crate::health::Health;
use crate::overload::Door;

/// Serves `answers` on `listener` until `stop`, and then until the last connection and all work that outlives
/// its request have ended.
pub async fn serve(
    listener: TcpListener,
    answers: impl Answers<Door>,
    health: Health,
    limits: &Limits,
    exempt: Exempt,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    let door = Arc::new(Door::new(limits, exempt.clone(), tasks.clone()));
    let limits = ConnectionLimits {
        max: limits.max_connections,
        max_per_peer: limits.max_connections_per_peer,
        exempt,
        header_read_timeout: limits.header_read_timeout(),
    };
    http_connections::serve(listener, answers, door, tasks, limits, move || health.is_draining(), stop).await;
}
