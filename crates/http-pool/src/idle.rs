//! The connections without a request.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::connection::Connection;

/// Maximum number of idle connections, and how long each is kept. The upstream must keep them longer.
pub const IDLE_MAX: usize = 256;
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection that has been idle for less carries a safe request without a peek into its socket. The peek
/// is a system call, and under load a connection is idle for microseconds. A safe request that gets lost can
/// be repeated.
const PEEK_AFTER: Duration = Duration::from_millis(1);

/// The idle connections to one upstream; the last one is the most recently used. They are boxed, because they
/// are large and often moved.
#[derive(Default)]
pub(crate) struct Idle {
    connections: Mutex<VecDeque<Box<Connection>>>,
    /// Notified when a connection becomes idle.
    returned: Notify,
}

impl Idle {
    /// Completes when a connection becomes idle.
    pub(crate) fn returned(&self) -> Notified<'_> {
        self.returned.notified()
    }

    /// Closes the connections that have been idle for [`IDLE_TIMEOUT`].
    pub(crate) fn prune(&self) {
        self.lock().retain(|connection| !is_old(connection));
    }

    /// Takes an idle connection that may carry a request.
    pub(crate) fn take(&self, is_safe: bool) -> Option<Box<Connection>> {
        loop {
            let mut connection = self.lock().pop_back()?;
            let idle = connection.idle_since.elapsed();
            let needs_no_peek = is_safe && idle < PEEK_AFTER && connection.is_ready();
            if idle <= IDLE_TIMEOUT && (needs_no_peek || connection.is_untouched()) {
                return Some(connection);
            }
        }
    }

    /// Returns a connection after an exchange, if it may carry another.
    pub(crate) fn keep(&self, mut connection: Box<Connection>) {
        if connection.is_reusable() {
            self.put(connection);
        }
    }

    pub(crate) fn put(&self, mut connection: Box<Connection>) {
        connection.idle_since = Instant::now();
        let mut idle = self.lock();
        if idle.len() == IDLE_MAX {
            idle.pop_front();
        }
        idle.push_back(connection);
        drop(idle);
        self.returned.notify_one();
    }

    /// Locks the connections. A poisoned lock is harmless, because nothing can panic while it is held.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Box<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_old(connection: &Connection) -> bool {
    connection.idle_since.elapsed() > IDLE_TIMEOUT
}
