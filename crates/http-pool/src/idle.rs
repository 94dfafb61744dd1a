//! The connections without a request.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use crate::connection::Connection;

/// Most idle connections, and how long each is kept. The upstream must keep them longer.
pub const IDLE_MAX: usize = 256;
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection that has rested for less carries a safe request without a look into its socket. The look is a system call,
/// and under load a connection rests for microseconds. A safe request that gets lost can be repeated.
const LOOK_AFTER: Duration = Duration::from_millis(1);

/// The idle connections to one upstream, the one used last at the end. Boxed, because they are large and often moved.
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
            let rested = connection.idle_since.elapsed();
            let needs_no_look = is_safe && rested < LOOK_AFTER && connection.is_ready();
            if rested <= IDLE_TIMEOUT && (needs_no_look || connection.is_untouched()) {
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

    /// Nothing can panic while the lock is held.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Box<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_old(connection: &Connection) -> bool {
    connection.idle_since.elapsed() > IDLE_TIMEOUT
}
