//! Log lines on their way to standard output: gathered, and written many at a time.
//!
//! A write for each line also wakes whoever reads it, and at some thousand requests a second that costs more than what the
//! lines tell of. So what has come together is written a few milliseconds later by a thread of its own; a process that is
//! killed takes the lines of its last few milliseconds with it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines are gathered.
const GATHER_FOR: Duration = Duration::from_millis(5);
/// Most that is gathered. Who says more writes it all, and is as slow as whoever reads it.
const GATHERED_MAX: usize = 256 * 1024;

/// Where lines are said, and the way from there.
pub struct LogLines {
    gathered: Mutex<Vec<u8>>,
    /// Told of the first line.
    first: Condvar,
    out: Mutex<Box<dyn Write + Send>>,
}

impl LogLines {
    /// Lines for `out`, and the thread that writes them.
    ///
    /// # Errors
    ///
    /// When there cannot be another thread.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let lines = Arc::new(Self {
            gathered: Mutex::default(),
            first: Condvar::new(),
            out: Mutex::new(Box::new(out)),
        });
        let of_thread = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                of_thread.wait();
                #[expect(clippy::disallowed_methods, reason = "this thread has nothing else to do")]
                thread::sleep(GATHER_FOR);
                of_thread.flush();
            }
        })?;
        Ok(lines)
    }

    fn wait(&self) {
        let gathered = lock(&self.gathered);
        drop(
            self.first.wait_while(gathered, |lines| lines.is_empty()).unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Writes what is gathered; when this returns, all that was said before is written.
    pub fn flush(&self) {
        // Taken before the lines are, so that they are written in their order.
        let mut out = lock(&self.out);
        let lines = std::mem::take(&mut *lock(&self.gathered));
        // There is nowhere left to tell that it failed.
        let _ = out.write_all(&lines).and_then(|()| out.flush());
    }
}

impl Write for &LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = lock(&self.gathered);
        if gathered.is_empty() {
            self.first.notify_one();
        }
        gathered.extend_from_slice(line);
        let is_full = gathered.len() > GATHERED_MAX;
        drop(gathered);
        if is_full {
            LogLines::flush(self);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A thread that panicked while it held it has left whole lines behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    /// Tells what is written, a message each time.
    struct Told(UnboundedSender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).expect("lines are text");
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Arc<LogLines>, UnboundedReceiver<String>) {
        let (sender, told) = unbounded_channel();
        (LogLines::to(Told(sender)).unwrap(), told)
    }

    fn say(mut lines: &LogLines, line: &str) {
        lines.write_all(line.as_bytes()).unwrap();
    }

    fn all(mut told: UnboundedReceiver<String>) -> String {
        std::iter::from_fn(|| told.try_recv().ok()).collect()
    }

    #[test]
    fn what_was_said_is_written_without_being_asked_for() {
        let (lines, mut told) = lines();
        say(&lines, "one\n");
        assert_eq!(told.blocking_recv().unwrap(), "one\n");
        say(&lines, "two\n");
        assert_eq!(told.blocking_recv().unwrap(), "two\n");
    }

    #[test]
    fn what_was_said_before_a_flush_is_written_after_it() {
        let (lines, told) = lines();
        for number in 0..100 {
            say(&lines, &format!("{number}\n"));
        }
        lines.flush();
        let written = all(told);
        assert_eq!(written, (0..100).map(|number| format!("{number}\n")).collect::<String>());
    }

    #[test]
    fn many_who_speak_at_once_are_written_whole_and_each_in_its_order() {
        let (lines, told) = lines();
        let long = "-".repeat(1_000);
        thread::scope(|scope| {
            for speaker in 0..4 {
                let (lines, long) = (&lines, &long);
                scope
                    .spawn(move || (0..1_000).for_each(|at| say(lines, &format!("{speaker} {at} {long}\n"))));
            }
        });
        lines.flush();
        let written = all(told);
        for speaker in 0..4 {
            let own = written.lines().filter(|line| line.starts_with(&format!("{speaker} ")));
            assert!(own.eq((0..1_000).map(|at| format!("{speaker} {at} {long}"))));
        }
    }
}
