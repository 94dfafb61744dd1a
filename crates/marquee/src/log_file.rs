//! The log file of one process: `logs/<name>.log`.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use telemetry::{Colors, readable};

use crate::data_dir::open_private;

/// Maximum length of a line; longer ones are split.
pub const LINE_LIMIT_BYTES: usize = 64 * 1024;
/// Maximum length of a log file. A file of this length is renamed to `<name>.log.old`, and a new one begins.
pub const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// A log file that is appended to. Several processes may write to it at the same time: the launcher, and a
/// process that was started alone.
pub struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: append_to(path)? })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends complete lines, with one write.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let own = self.file.metadata()?;
        let current = fs::symlink_metadata(&self.path).ok();
        let is_current = current.is_some_and(|current| same_file(&current, &own));
        if is_current && own.len() >= FILE_LIMIT_BYTES {
            fs::rename(&self.path, old(&self.path))?;
        }
        if !is_current || own.len() >= FILE_LIMIT_BYTES {
            self.file = append_to(&self.path)?;
        }
        self.file.write_all(lines)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    open_private(File::options().create(true).append(true), path)
}

/// The previous log file.
pub fn old(path: &Path) -> PathBuf {
    path.with_extension("log.old")
}

pub fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Splits a stream of bytes into batches of complete lines.
#[derive(Default)]
pub struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    /// Adds `bytes`, and returns the lines that are complete now.
    pub fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.unfinished.extend_from_slice(bytes);
        match self.unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => self.unfinished.drain(..=newline).collect(),
            None if self.unfinished.len() >= LINE_LIMIT_BYTES => self.rest(),
            None => Vec::new(),
        }
    }

    /// Ends the last line.
    pub fn rest(&mut self) -> Vec<u8> {
        if !self.unfinished.is_empty() {
            self.unfinished.push(b'\n');
        }
        std::mem::take(&mut self.unfinished)
    }
}

/// `marquee write-log <file>`: copies standard input to the log file and to standard output, until standard
/// input ends. It is a process of its own, so that it also writes the last lines of one that was killed.
pub fn copy_input(path: &Path) -> ExitCode {
    let mut log = LogFile::open(path);
    let (mut input, mut terminal) = (io::stdin().lock(), io::stdout().lock());
    // The lines are JSON, unless `LOG_FORMAT` has chosen another format.
    let is_for_people =
        terminal.is_terminal() && std::env::var_os("LOG_FORMAT").is_none_or(|format| format != "json");
    let (mut chunk, mut lines) = (vec![0; LINE_LIMIT_BYTES], Lines::default());
    let mut failed = false;
    loop {
        let read = match input.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.unwrap_or_default(),
        };
        let complete = if read == 0 { lines.rest() } else { lines.add(&chunk[..read]) };
        // A closed terminal does not end the log, and a full disk does not end the output.
        let shown =
            if is_for_people { readable_lines(&complete).into() } else { Cow::Borrowed(&complete[..]) };
        let _ = terminal.write_all(&shown).and_then(|()| terminal.flush());
        let written = match &mut log {
            Ok(log) => log.append(&complete),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        if let Err(source) = written
            && !std::mem::replace(&mut failed, true)
        {
            crate::output::fail(&LogFileError { path: path.to_owned(), source });
        }
        if read == 0 {
            return if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    }
}

/// Converts log lines to text for people; other lines stay.
pub fn readable_lines(lines: &[u8]) -> Vec<u8> {
    let lines = String::from_utf8_lossy(lines);
    lines.split_inclusive('\n').map(|line| readable(line, Colors::Off)).collect::<String>().into_bytes()
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to {}", path.display())]
struct LogFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_complete_and_the_last_one_gets_its_line_break() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"first\nsec"), b"first\n");
        assert_eq!(lines.add(b"ond"), b"");
        assert_eq!(lines.add(b"\nthird\nfou"), b"second\nthird\n");
        assert_eq!(lines.rest(), b"fou\n");
        assert_eq!(lines.rest(), b"");
    }

    #[test]
    fn full_file_is_renamed_and_every_writer_goes_on_in_the_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let (mut one, mut other) = (LogFile::open(&path).unwrap(), LogFile::open(&path).unwrap());
        one.append(b"old\n").unwrap();
        // A sparse file has this length, and takes no space.
        File::options().write(true).open(&path).unwrap().set_len(FILE_LIMIT_BYTES).unwrap();
        one.append(b"one\n").unwrap();
        other.append(b"other\n").unwrap();
        assert_eq!(fs::metadata(old(&path)).unwrap().len(), FILE_LIMIT_BYTES);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nother\n");
    }

    #[test]
    fn log_goes_on_in_a_new_file_after_another_process_has_moved_or_replaced_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        let mut log = LogFile::open(&path).unwrap();
        log.append(b"first\n").unwrap();
        let moved = path.with_extension("log.1");
        fs::rename(&path, &moved).unwrap();
        log.append(b"second\n").unwrap();
        assert_eq!((read(&moved), read(&path)), ("first\n".to_owned(), "second\n".to_owned()));

        fs::remove_file(&path).unwrap();
        fs::write(&path, "of another writer\n").unwrap();
        log.append(b"third\n").unwrap();
        assert_eq!(read(&path), "of another writer\nthird\n");

        // A file that was truncated in its place, as by `copytruncate`, goes on at its new end.
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        log.append(b"fourth\n").unwrap();
        assert_eq!(read(&path), "fourth\n");
    }
}
