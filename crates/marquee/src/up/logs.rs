//! Copies the output of the processes to their log files and to the screen.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

use super::screen::Screen;
use crate::data_dir::open_private;
use crate::fleet::Process;

/// Maximum length of a line; longer ones are split.
const LINE_LIMIT_BYTES: usize = 64 * 1024;
/// Maximum length of a log file. A file of this length is renamed to `<name>.log.old`, and a new one begins.
/// Other processes may rename or remove the file at any time, as logrotate does.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// Length of the end of the output that is kept to explain a failed start.
const TAIL_BYTES: usize = 2 * 1024;

/// The log file and the screen for the output of one process.
pub struct Output {
    process: Process,
    screen: Screen,
    log: Mutex<LogFile>,
}

struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
    tail: Vec<u8>,
    failed: bool,
}

impl Output {
    pub fn open(process: Process, path: &Path, screen: Screen) -> io::Result<Self> {
        let file = open_private(File::options().create(true).append(true), path)?;
        let log = Mutex::new(LogFile {
            path: path.to_owned(),
            length: file.metadata()?.len(),
            file,
            tail: Vec::new(),
            failed: false,
        });
        Ok(Self { process, screen, log })
    }

    /// Writes complete lines.
    fn write(&self, lines: &[u8]) {
        self.screen.lines(self.process, lines);
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.remember(lines);
        if let Err(error) = log.append(lines)
            && !std::mem::replace(&mut log.failed, true)
        {
            let path = log.path.display();
            self.screen.alarm(&format!("cannot write to {path}: {error}"));
        }
    }

    pub fn last_lines(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&log.tail).trim_end().to_owned()
    }
}

impl LogFile {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if !self.is_in_place()? {
            self.reopen()?;
        }
        if self.length >= FILE_LIMIT_BYTES {
            fs::rename(&self.path, self.path.with_extension("log.old"))?;
            self.reopen()?;
        }
        self.file.write_all(lines)?;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Whether the path still leads to the open file.
    fn is_in_place(&self) -> io::Result<bool> {
        let open = self.file.metadata()?;
        match fs::symlink_metadata(&self.path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.file = open_private(File::options().create(true).append(true), &self.path)?;
        self.length = self.file.metadata()?.len();
        Ok(())
    }

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
        let mut buffer = Vec::with_capacity(LINE_LIMIT_BYTES);
        while let Ok(1..) = pipe.read_buf(&mut buffer).await {
            if let Some(newline) = buffer.iter().rposition(|byte| *byte == b'\n') {
                output.write(&buffer[..=newline]);
                buffer.drain(..=newline);
            } else if buffer.len() >= LINE_LIMIT_BYTES {
                end_line(&mut buffer, &output);
            }
        }
        if !buffer.is_empty() {
            end_line(&mut buffer, &output);
        }
    })
}

fn end_line(buffer: &mut Vec<u8>, output: &Output) {
    buffer.push(b'\n');
    output.write(buffer);
    buffer.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint::Paint;

    #[tokio::test]
    async fn lines_stay_complete_and_the_last_one_gets_its_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let output =
            Arc::new(Output::open(Process::Book, &path, Screen::onto(io::sink(), Paint::none())).unwrap());
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

    #[tokio::test]
    async fn full_log_file_is_renamed_and_a_new_one_begins() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        fs::write(&path, "old\n").unwrap();
        let output = Output::open(Process::Book, &path, Screen::onto(io::sink(), Paint::none())).unwrap();
        output.log.lock().unwrap().length = FILE_LIMIT_BYTES;
        output.write(b"new\n");
        assert_eq!(fs::read_to_string(path.with_extension("log.old")).unwrap(), "old\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[tokio::test]
    async fn log_goes_on_in_a_new_file_after_another_process_has_moved_or_replaced_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let output = Output::open(Process::Book, &path, Screen::onto(io::sink(), Paint::none())).unwrap();
        output.write(b"first\n");
        let moved = path.with_extension("log.1");
        fs::rename(&path, &moved).unwrap();
        output.write(b"second\n");
        assert_eq!((read(&moved), read(&path)), ("first\n".to_owned(), "second\n".to_owned()));

        fs::remove_file(&path).unwrap();
        fs::write(&path, "of another writer\n").unwrap();
        output.write(b"third\n");
        assert_eq!(read(&path), "of another writer\nthird\n");

        // A file that was truncated in its place, as by `copytruncate`, goes on at its new end.
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        output.write(b"fourth\n");
        assert_eq!(read(&path), "fourth\n");
        assert!(!output.log.lock().unwrap().failed);
    }
}
