//! Event loops, one per core. Each has its own connections to clients and to the services.
//!
//! A multi-threaded runtime moves the tasks and connections of a request between cores: an idle worker steals
//! a task whose data is in the cache of another core. A proxy does so little work per request that this costs
//! a tenth of it.

use std::cell::Cell;
use std::io;
use std::sync::LazyLock;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// All event loops. When it is dropped, the loops end, and the tasks on them are canceled.
pub struct Loops {
    handles: Vec<Handle>,
    _end: DropGuard,
}

thread_local! {
    /// The number of the thread's loop; 0 on every other thread.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// Returns the number of loops. It is constant for the life of the process, even if its CPU limit changes.
pub fn count() -> usize {
    static COUNT: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *COUNT
}

/// Returns the number of the current thread's loop, from 1, or 0 outside of the loops.
pub fn current() -> usize {
    NUMBER.get()
}

impl Loops {
    /// Starts one loop per core.
    ///
    /// # Errors
    ///
    /// If a thread or its runtime cannot be created.
    pub fn start() -> io::Result<Self> {
        let end = CancellationToken::new();
        let handles = (1..=count()).map(|number| start(number, end.clone())).collect::<io::Result<_>>()?;
        Ok(Self { handles, _end: end.drop_guard() })
    }

    /// Returns the loop with the fewest tasks.
    pub fn least_busy(&self) -> Handle {
        let least = self.handles.iter().min_by_key(|handle| handle.metrics().num_alive_tasks());
        least.expect("there is a loop for each core").clone()
    }
}

fn start(number: usize, end: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(format!("loop-{number}")).spawn(move || {
        NUMBER.set(number);
        runtime.block_on(end.cancelled());
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn long_running_tasks_are_spread_over_all_loops() {
        let loops = Loops::start().unwrap();

        let mut used = BTreeSet::new();
        for _ in 0..count() {
            let handle = loops.least_busy();
            used.insert(handle.spawn(async { current() }).await.unwrap());
            handle.spawn(pending::<()>());
        }

        assert_eq!(used, (1..=count()).collect());
        assert_eq!(current(), 0, "this test does not run on a loop");
    }

    #[tokio::test]
    async fn dropping_the_loops_cancels_their_tasks() {
        let loops = Loops::start().unwrap();
        let running = loops.least_busy().spawn(pending::<()>());

        drop(loops);

        assert!(running.await.unwrap_err().is_cancelled());
    }
}
