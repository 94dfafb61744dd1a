//! Event loops, one a core, each with connections of its own to clients and to the services.
//!
//! On one runtime for all cores, what belongs to a request wanders between them: whoever is idle takes a task, or a
//! connection, that another has in its cache. A proxy does so little for a request that this is a tenth of it.

use std::cell::Cell;
use std::io;
use std::sync::LazyLock;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// All loops. They end with this, and what still runs on them.
pub struct Loops {
    handles: Vec<Handle>,
    _end: DropGuard,
}

thread_local! {
    /// Zero on every thread that is not a loop's.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

/// How many loops there are: the same for as long as the process lives, whatever becomes of its share of the machine.
pub fn count() -> usize {
    static COUNT: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from));
    *COUNT
}

/// The number of the loop that this runs on: from 1, or 0 where it runs on none.
pub fn current() -> usize {
    NUMBER.get()
}

impl Loops {
    /// # Errors
    ///
    /// Why a loop could not be started.
    pub fn start() -> io::Result<Self> {
        let end = CancellationToken::new();
        let handles = (1..=count()).map(|number| start(number, end.clone())).collect::<io::Result<_>>()?;
        Ok(Self { handles, _end: end.drop_guard() })
    }

    /// The loop with the fewest tasks, for the next one.
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
    async fn tasks_that_stay_are_spread_over_all_loops() {
        let loops = Loops::start().unwrap();

        let mut used = BTreeSet::new();
        for _ in 0..count() {
            let handle = loops.least_busy();
            used.insert(handle.spawn(async { current() }).await.unwrap());
            handle.spawn(pending::<()>());
        }

        assert_eq!(used, (1..=count()).collect());
        assert_eq!(current(), 0, "this test runs on none of them");
    }

    #[tokio::test]
    async fn what_still_runs_on_a_loop_ends_with_it() {
        let loops = Loops::start().unwrap();
        let running = loops.least_busy().spawn(pending::<()>());

        drop(loops);

        assert!(running.await.unwrap_err().is_cancelled());
    }
}
