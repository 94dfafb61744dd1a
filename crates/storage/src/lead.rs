//! Being the one process of several that does a task.
//!
//! On PostgreSQL the claim is an advisory lock of a session: it ends with the connection, however that ends, and the next
//! one to ask has it. For a moment two may believe that they lead (the first has not noticed yet that its connection is
//! gone), so a task must be harmless when two do it; leading only keeps them from doing the same work.

use crate::conn::Conn;

/// What is done by one process at a time. The number is the lock's key; positive ones are for rows (`Tx::lock`), and -1
/// is for migrations.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// Sending the outbox.
    Relay = -2,
}

/// The claim to a task; dropped, another process may have it.
#[derive(Debug)]
pub struct Lead {
    /// `None` where a database has one process anyway.
    session: Option<Conn>,
}

impl Lead {
    pub(crate) fn alone() -> Self {
        Self { session: None }
    }

    pub(crate) fn held_by(session: Conn) -> Self {
        Self { session: Some(session) }
    }

    /// Whether the claim still stands.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.session {
            Some(session) => session.execute(crate::query("SELECT 1")).await.is_ok(),
            None => true,
        }
    }
}

impl Drop for Lead {
    /// The lock ends with its session, so the connection must not go back to the pool.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }
}
