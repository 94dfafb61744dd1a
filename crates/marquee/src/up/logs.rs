//! What the processes print, into their files and onto the screen.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

use super::screen::Screen;
use crate::data_dir::open_private;
use crate::fleet::Process;

/// A longer line is cut into several.
const LINE_LIMIT_BYTES: usize = 64 * 1024;
/// A file that has grown to this becomes `<name>.log.old` and a new one is begun.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// How much of the end is kept to explain a failed start.
const TAIL_BYTES: usize = 2 * 1024;

/// Where one process's lines go.
pub struct Output {
    process: Process,
    screen: Screen,
    kept: Mutex<Kept>,
}

struct Kept {
    path: PathBuf,
    file: File,
    length: u64,
    tail: Vec<u8>,
    failed: bool,
}

impl Output {
    pub fn open(process: Process, path: &Path, screen: Screen) -> io::Result<Self> {
        let file = open_private(File::options().create(true).append(true), path)?;
        let kept = Mutex::new(Kept {
            path: path.to_owned(),
            length: file.metadata()?.len(),
            file,
            tail: Vec::new(),
            failed: false,
        });
        Ok(Self { process, screen, kept })
    }

    /// `lines` are whole.
    fn write(&self, lines: &[u8]) {
        self.screen.lines(self.process, lines);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remember(lines);
        if let Err(error) = kept.append(lines)
            && !std::mem::replace(&mut kept.failed, true)
        {
            let path = kept.path.display();
            self.screen.alarm(&format!("cannot write {path}: {error}"));
        }
    }

    pub fn last_lines(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept.tail).trim_end().to_owned()
    }
}

impl Kept {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.length >= FILE_LIMIT_BYTES {
            fs::rename(&self.path, self.path.with_extension("log.old"))?;
            self.file = open_private(File::options().create(true).append(true), &self.path)?;
            self.length = 0;
        }
        self.file.write_all(lines)?;
        self.length += lines.len() as u64;
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

/// Copies `pipe` to `output` until it ends, as many whole lines at a time as there are.
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
    async fn lines_are_kept_whole_and_an_unfinished_last_one_is_ended() {
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
    async fn a_file_at_its_limit_makes_room_for_a_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        fs::write(&path, "old\n").unwrap();
        let output = Output::open(Process::Book, &path, Screen::onto(io::sink(), Paint::none())).unwrap();
        output.kept.lock().unwrap().length = FILE_LIMIT_BYTES;
        output.write(b"new\n");
        assert_eq!(fs::read_to_string(path.with_extension("log.old")).unwrap(), "old\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }
}
