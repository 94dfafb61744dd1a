//! Copies the output of the processes to their log files, and what matters at once to the screen.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

use super::attention::Attention;
use super::screen::Screen;
use crate::fleet::Process;
use crate::log_file::{LINE_LIMIT_BYTES, Lines, LogFile};

/// Length of the end of the output that is kept to explain a failed start.
const TAIL_BYTES: usize = 2 * 1024;

/// The log file and the screen for the output of one process.
pub struct Output {
    process: Process,
    screen: Screen,
    state: Mutex<State>,
}

struct State {
    log: LogFile,
    tail: Vec<u8>,
    failed: bool,
    /// Selects the lines for the screen; all of them if there is none.
    attention: Option<Attention>,
}

impl Output {
    pub fn open(process: Process, path: &Path, screen: Screen, verbose: bool) -> io::Result<Self> {
        let log = LogFile::open(path)?;
        let attention = (!verbose).then(Attention::default);
        let state = Mutex::new(State { log, tail: Vec::new(), failed: false, attention });
        Ok(Self { process, screen, state })
    }

    /// Writes complete lines.
    fn write(&self, lines: &[u8]) {
        let mut state = self.state();
        self.show(&mut state, lines);
        state.remember(lines);
        if let Err(error) = state.log.append(lines)
            && !std::mem::replace(&mut state.failed, true)
        {
            let path = state.log.path().display();
            self.screen.alarm(&format!("cannot write to {path}: {error}"));
        }
    }

    fn show(&self, state: &mut State, lines: &[u8]) {
        let Some(attention) = &mut state.attention else {
            self.screen.lines(self.process, lines);
            return;
        };
        let selected = attention.select(lines);
        if !selected.lines.is_empty() {
            self.screen.lines(self.process, &selected.lines);
        }
        if selected.limit_is_reached {
            let path = state.log.path().display();
            self.screen
                .note(&format!("{} writes many lines; for a minute, read them in {path}", self.process));
        }
    }

    pub fn last_lines(&self) -> String {
        String::from_utf8_lossy(&self.state().tail).trim_end().to_owned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remember(&mut self, lines: &[u8]) {
        self.tail.extend_from_slice(lines);
        if let Some(excess) = self.tail.len().checked_sub(TAIL_BYTES) {
            let cut = self.tail[excess..].iter().position(|byte| *byte == b'\n');
            self.tail.drain(..excess + cut.map_or(0, |newline| newline + 1));
        }
    }
}

/// Copies `pipe` to `output` until it ends, in batches of complete lines.
pub fn forward(mut pipe: impl AsyncRead + Send + Unpin + 'static, output: Arc<Output>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = Lines::default();
        let mut chunk = Vec::with_capacity(LINE_LIMIT_BYTES);
        while let Ok(1..) = pipe.read_buf(&mut chunk).await {
            let complete = lines.add(&chunk);
            if !complete.is_empty() {
                output.write(&complete);
            }
            chunk.clear();
        }
        let rest = lines.rest();
        if !rest.is_empty() {
            output.write(&rest);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::paint::Paint;

    #[tokio::test]
    async fn output_is_logged_in_complete_lines() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let screen = Screen::onto(io::sink(), Paint::none());
        let output = Arc::new(Output::open(Process::Book, &path, screen, false).unwrap());
        let (mut writer, reader) = tokio::io::duplex(64);
        let forwarding = forward(reader, output.clone());
        for part in ["first\nsec", "ond\nthi", "rd"] {
            tokio::io::AsyncWriteExt::write_all(&mut writer, part.as_bytes()).await.unwrap();
        }
        drop(writer);
        forwarding.await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\nthird\n");
        assert_eq!(output.last_lines(), "first\nsecond\nthird");
    }
}
