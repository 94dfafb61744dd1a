//! Buffers log lines and writes many at a time to standard output.
//!
//! Each write also wakes the reader of the output. At some thousand requests a second, a write for each line
//! would cost more than the requests. Therefore a separate thread writes the buffered lines every few
//! milliseconds; a process that is killed loses the lines of its last few milliseconds.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long lines are buffered.
const BUFFER_FOR: Duration = Duration::from_millis(5);
/// Maximum size of the buffer. The thread whose line exceeds it writes the whole buffer itself, at the speed
/// of the reader.
const BUFFER_MAX_BYTES: usize = 256 * 1024;

/// The buffer, and the output behind it.
pub struct LogLines {
    buffer: Mutex<Vec<u8>>,
    /// Notified of the first line in an empty buffer.
    first: Condvar,
    out: Mutex<Box<dyn Write + Send>>,
}

impl LogLines {
    /// Starts the thread that writes lines to `out`.
    ///
    /// # Errors
    ///
    /// When the system refuses another thread.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Arc<Self>> {
        let lines = Arc::new(Self {
            buffer: Mutex::default(),
            first: Condvar::new(),
            out: Mutex::new(Box::new(out)),
        });
        let in_thread = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                in_thread.wait();
                #[expect(clippy::disallowed_methods, reason = "this thread has nothing else to do")]
                thread::sleep(BUFFER_FOR);
                in_thread.flush();
            }
        })?;
        Ok(lines)
    }

    fn wait(&self) {
        let buffer = lock(&self.buffer);
        drop(self.first.wait_while(buffer, |lines| lines.is_empty()).unwrap_or_else(PoisonError::into_inner));
    }

    /// Writes the buffer. When this returns, every earlier line is written.
    pub fn flush(&self) {
        // Locked before the buffer is emptied, so that two flushes write in the order of their lines.
        let mut out = lock(&self.out);
        let lines = std::mem::take(&mut *lock(&self.buffer));
        // A failure of the log cannot be logged.
        let _ = out.write_all(&lines).and_then(|()| out.flush());
    }
}

impl Write for &LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut buffer = lock(&self.buffer);
        if buffer.is_empty() {
            self.first.notify_one();
        }
        buffer.extend_from_slice(line);
        let is_full = buffer.len() > BUFFER_MAX_BYTES;
        drop(buffer);
        if is_full {
            LogLines::flush(self);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A thread that panicked while it held the lock left only whole lines.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;

    /// Sends each write as a message.
    struct Output(UnboundedSender<String>);

    impl Write for Output {
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
        let (sender, written) = unbounded_channel();
        (LogLines::to(Output(sender)).unwrap(), written)
    }

    fn log(mut lines: &LogLines, line: &str) {
        lines.write_all(line.as_bytes()).unwrap();
    }

    fn all(mut written: UnboundedReceiver<String>) -> String {
        std::iter::from_fn(|| written.try_recv().ok()).collect()
    }

    #[test]
    fn line_is_written_without_a_flush() {
        let (lines, mut written) = lines();
        log(&lines, "one\n");
        assert_eq!(written.blocking_recv().unwrap(), "one\n");
        log(&lines, "two\n");
        assert_eq!(written.blocking_recv().unwrap(), "two\n");
    }

    #[test]
    fn flush_writes_every_earlier_line() {
        let (lines, output) = lines();
        for number in 0..100 {
            log(&lines, &format!("{number}\n"));
        }
        lines.flush();
        let written = all(output);
        assert_eq!(written, (0..100).map(|number| format!("{number}\n")).collect::<String>());
    }

    #[test]
    fn concurrent_lines_are_written_whole_and_in_the_order_of_their_thread() {
        let (lines, output) = lines();
        let long = "-".repeat(1_000);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (lines, long) = (&lines, &long);
                scope.spawn(move || (0..1_000).for_each(|at| log(lines, &format!("{thread} {at} {long}\n"))));
            }
        });
        lines.flush();
        let written = all(output);
        for thread in 0..4 {
            let own = written.lines().filter(|line| line.starts_with(&format!("{thread} ")));
            assert!(own.eq((0..1_000).map(|at| format!("{thread} {at} {long}"))));
        }
    }
}
