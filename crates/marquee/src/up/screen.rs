//! The launcher's one voice.
//!
//! Writing to a terminal can block (a paused terminal, a pager) and can fail (a closed one). Neither may hold up the
//! fleet: a thread writes, the others leave their text with it, and the processes' lines are dropped, counted, when
//! it cannot keep up. They are in the log files in any case.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::fleet::Process;
use crate::paint::{self, Paint};

/// Longest text that waits to be written, in bytes; the processes' lines beyond it are dropped.
const BACKLOG_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// Longest to wait for the last of it to be written.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest name: `gateway`, `payment`, `marquee`.
const NAME_WIDTH: usize = 7;

#[derive(Clone)]
pub struct Screen {
    texts: mpsc::UnboundedSender<Text>,
    backlog: Arc<Backlog>,
    paint: Paint,
}

#[derive(Default)]
struct Backlog {
    bytes: AtomicUsize,
    dropped: AtomicUsize,
}

enum Text {
    Write(String),
    Finish(oneshot::Sender<()>),
}

impl Screen {
    pub fn start() -> Self {
        let (texts, queue) = mpsc::unbounded_channel();
        let backlog = Arc::<Backlog>::default();
        let paint = Paint::for_stream(&io::stdout());
        let queued = backlog.clone();
        std::thread::spawn(move || write_all(queue, &queued));
        Self { texts, backlog, paint }
    }

    /// Lines that `process` printed.
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
        self.push(self.prefixed(colour(process), process.name(), &String::from_utf8_lossy(lines)));
    }

    /// Something the launcher says by the way.
    pub fn note(&self, text: &str) {
        self.push(self.prefixed(paint::QUIET, "marquee", text));
    }

    /// Something that nobody should overlook.
    pub fn alarm(&self, text: &str) {
        self.push(self.prefixed(paint::BAD, "marquee", text));
    }

    /// Text without a prefix, to be pasted from.
    pub fn say(&self, text: &str) {
        self.push(text.to_owned());
    }

    /// Waits, not for ever, until everything is written.
    pub async fn finish(&self) {
        let (done, written) = oneshot::channel();
        if self.texts.send(Text::Finish(done)).is_ok() {
            let _ = timeout(FINISH_TIMEOUT, written).await;
        }
    }

    fn push(&self, text: String) {
        self.backlog.bytes.fetch_add(text.len(), Ordering::Relaxed);
        // The thread ends when the last screen is gone, so there is one to receive it.
        let _ = self.texts.send(Text::Write(text));
    }

    fn prefixed(&self, style: Style, name: &str, lines: &str) -> String {
        let prefix = self.paint.text(style, format_args!("{name:NAME_WIDTH$} |"));
        let mut text = String::with_capacity(lines.len() + 64);
        for line in lines.lines() {
            text.push_str(&prefix);
            text.push(' ');
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// The writing thread. Once the terminal is closed it goes on emptying the queue.
fn write_all(mut queue: mpsc::UnboundedReceiver<Text>, backlog: &Backlog) {
    let mut closed = false;
    while let Some(text) = queue.blocking_recv() {
        match text {
            Text::Write(text) => {
                if !closed {
                    let mut stdout = io::stdout().lock();
                    closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err();
                }
                backlog.bytes.fetch_sub(text.len(), Ordering::Relaxed);
            }
            Text::Finish(done) => {
                let _ = done.send(());
            }
        }
    }
}

fn colour(process: Process) -> Style {
    let colour = match process {
        Process::Gateway => AnsiColor::Blue,
        Process::Book => AnsiColor::Green,
        Process::Payment => AnsiColor::Yellow,
        Process::Mypage => AnsiColor::Magenta,
        Process::Ticket => AnsiColor::Cyan,
        Process::Point => AnsiColor::BrightBlue,
    };
    colour.on_default()
}
