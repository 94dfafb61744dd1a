//! Prints the output of the launcher and of the processes.
//!
//! Writing to a terminal can block (a paused terminal, a pager) and can fail (a closed one, a full disk).
//! Neither may delay the fleet: one thread writes, and the others queue their text. If it cannot keep up,
//! lines of the processes are dropped and counted; the log files still contain them.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anstyle::Style;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::fleet::Process;
use crate::log_file::readable_lines;
use crate::output::{OutputError, is_closed, printable_lines};
use crate::paint::{self, NAME_WIDTH, Paint};

/// Maximum text in the queue, in bytes; further lines of the processes are dropped.
const BACKLOG_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Maximum time to write the rest of the queue.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Screen {
    texts: mpsc::UnboundedSender<Text>,
    backlog: Arc<Backlog>,
    paint: Paint,
    /// The user has asked for JSON. Otherwise, log lines are shown for people.
    shows_json: bool,
}

#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    dropped: AtomicUsize,
    failed: AtomicBool,
}

enum Text {
    Write(String),
    Finish(oneshot::Sender<()>),
}

impl Screen {
    /// Starts a thread that writes to standard output.
    pub fn start() -> Self {
        let shows_json = std::env::var_os("LOG_FORMAT").is_some_and(|format| format == "json");
        Self { shows_json, ..Self::onto(io::stdout(), Paint::for_stream(&io::stdout())) }
    }

    pub fn onto(terminal: impl Write + Send + 'static, paint: Paint) -> Self {
        let (texts, queue) = mpsc::unbounded_channel();
        let backlog = Arc::<Backlog>::default();
        let queued = backlog.clone();
        std::thread::spawn(move || write_all(queue, terminal, &queued));
        Self { texts, backlog, paint, shows_json: false }
    }

    /// Prints lines of the output of `process`.
    pub fn lines(&self, process: Process, lines: &[u8]) {
        if self.backlog.bytes.load(Ordering::Relaxed) > BACKLOG_LIMIT_BYTES {
            let count = lines.iter().filter(|byte| **byte == b'\n').count();
            self.backlog.dropped.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let dropped = self.backlog.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.note(&format!("{dropped} lines are only in the log files"));
        }
        let shown = if self.shows_json { lines.into() } else { Cow::Owned(readable_lines(lines)) };
        let text = String::from_utf8_lossy(&shown);
        self.push(self.prefixed(paint::of(process), process.name(), &text));
    }

    /// Prints a message of the launcher.
    pub fn note(&self, text: &str) {
        self.push(self.prefixed(paint::QUIET, "marquee", text));
    }

    /// Prints an important message of the launcher.
    pub fn alarm(&self, text: &str) {
        self.push(self.prefixed(paint::BAD, "marquee", text));
    }

    /// Prints text without a prefix, to copy commands from.
    pub fn print(&self, text: &str) {
        self.push(text.to_owned());
    }

    /// Returns true if text was lost for another reason than a closed reader, such as a full disk.
    pub fn has_failed(&self) -> bool {
        self.backlog.failed.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, for [`FINISH_TIMEOUT`] at most.
    pub async fn finish(&self) {
        let (done, written) = oneshot::channel();
        if self.texts.send(Text::Finish(done)).is_ok() {
            let _ = timeout(FINISH_TIMEOUT, written).await;
        }
    }

    fn push(&self, text: String) {
        self.backlog.bytes.fetch_add(text.len(), Ordering::Relaxed);
        // The thread ends when the last `Screen` is dropped, so it still runs.
        let _ = self.texts.send(Text::Write(text));
    }

    fn prefixed(&self, style: Style, name: &str, lines: &str) -> String {
        let prefix = self.paint.text(style, format_args!("{name:NAME_WIDTH$} |"));
        let mut text = String::with_capacity(lines.len() + 64);
        for line in printable_lines(lines).lines() {
            text.push_str(&prefix);
            text.push(' ');
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// Writes the queue to the terminal. After an error, it only drains the queue.
fn write_all(mut queue: mpsc::UnboundedReceiver<Text>, mut terminal: impl Write, backlog: &Backlog) {
    let mut ended = false;
    while let Some(text) = queue.blocking_recv() {
        match text {
            Text::Write(text) => {
                if !ended
                    && let Err(error) = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush())
                {
                    ended = true;
                    if !is_closed(&error) {
                        backlog.failed.store(true, Ordering::Relaxed);
                        crate::output::fail(&OutputError::from(error));
                    }
                }
                backlog.bytes.fetch_sub(text.len(), Ordering::Relaxed);
            }
            Text::Finish(done) => {
                let _ = done.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc as std_mpsc;

    use super::*;

    /// A terminal that blocks until it is resumed.
    struct Paused {
        go_on: std_mpsc::Receiver<()>,
        shown: Arc<Mutex<String>>,
    }

    impl Write for Paused {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            // An error means that the sender was dropped: the terminal is no longer paused.
            let _ = self.go_on.recv();
            self.shown.lock().unwrap().push_str(&String::from_utf8_lossy(text));
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn paused_terminal_blocks_nothing_and_drops_only_lines_of_processes() {
        let (pause, go_on) = std_mpsc::channel();
        let shown = Arc::<Mutex<String>>::default();
        let screen = Screen::onto(Paused { go_on, shown: shown.clone() }, Paint::none());
        screen.lines(Process::Book, &vec![b'x'; 2 * BACKLOG_LIMIT_BYTES]);
        screen.lines(Process::Book, b"lost\nlost too\n");
        screen.alarm("not lost");
        drop(pause);
        screen.finish().await;
        screen.lines(Process::Book, b"shown\n");
        screen.finish().await;
        let shown = shown.lock().unwrap();
        let end = "marquee   | not lost\nmarquee   | 2 lines are only in the log files\nbook      | shown\n";
        assert!(shown.ends_with(end), "{}", &shown[shown.len().saturating_sub(200)..]);
    }

    #[tokio::test]
    async fn broken_terminal_blocks_nothing_and_only_a_full_disk_is_a_failure() {
        for (kind, failed) in [(io::ErrorKind::BrokenPipe, false), (io::ErrorKind::StorageFull, true)] {
            let screen = Screen::onto(Broken(kind), Paint::none());
            for _ in 0..10 {
                screen.lines(Process::Book, b"line\n");
            }
            screen.finish().await;
            assert_eq!(screen.backlog.bytes.load(Ordering::Relaxed), 0);
            assert_eq!(screen.has_failed(), failed, "{kind}");
        }
    }

    #[tokio::test]
    async fn json_line_of_a_process_is_shown_for_people() {
        let (pause, go_on) = std_mpsc::channel();
        let shown = Arc::<Mutex<String>>::default();
        let screen = Screen::onto(Paused { go_on, shown: shown.clone() }, Paint::none());
        drop(pause);
        let line =
            r#"{"timestamp":"t","level":"INFO","service":"book","message":"listening","booking_id":7}"#;
        screen.lines(Process::Book, format!("{line}\npanicked\n").as_bytes());
        let json = Screen { shows_json: true, ..screen.clone() };
        json.lines(Process::Book, format!("{line}\n").as_bytes());
        screen.finish().await;
        let expected =
            format!("book      | t  INFO listening booking_id=7\nbook      | panicked\nbook      | {line}\n");
        assert_eq!(*shown.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn line_of_a_process_cannot_control_the_terminal() {
        let (pause, go_on) = std_mpsc::channel();
        let shown = Arc::<Mutex<String>>::default();
        let screen = Screen::onto(Paused { go_on, shown: shown.clone() }, Paint::none());
        drop(pause);
        screen.lines(Process::Book, "GET /books/\u{1b}[2J\u{9b}\u{202e}\t404\n".as_bytes());
        screen.finish().await;
        assert_eq!(*shown.lock().unwrap(), "book      | GET /books/\\u{1b}[2J\\u{9b}\\u{202e}\t404\n");
    }
}
