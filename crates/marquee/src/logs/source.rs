//! Reads the log files of one process, line by line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use jiff::Timestamp;

use crate::data_dir::open_private;
use crate::fleet::Process;
use crate::log_file::{old, same_file};
use crate::log_line::LogLine;

/// The previous log file of a process and its current one.
pub struct Source {
    process: Process,
    path: PathBuf,
    reader: Option<BufReader<File>>,
    unfinished: Vec<u8>,
    /// The time of the last line that has one.
    at: Timestamp,
}

pub struct Entry {
    /// The line's time, or that of the line before it.
    pub at: Timestamp,
    pub process: Process,
    pub text: String,
}

impl Source {
    /// `path` is the current log file, which need not exist yet.
    pub fn new(process: Process, path: PathBuf) -> Self {
        Self { process, path, reader: None, unfinished: Vec::new(), at: Timestamp::UNIX_EPOCH }
    }

    /// Returns the next complete line, or `None` at the end of what is written by now.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<Entry>> {
        if self.reader.is_none() {
            self.reader = match open(&old(&self.path))? {
                Some(file) => Some(file),
                None => open(&self.path)?,
            };
        }
        loop {
            // Checked before the end of the file: what was written until it was replaced is read first.
            let is_replaced = self.is_replaced()?;
            let Some(reader) = &mut self.reader else { return Ok(None) };
            reader.read_until(b'\n', &mut self.unfinished)?;
            if self.unfinished.ends_with(b"\n") || is_replaced && !self.unfinished.is_empty() {
                return Ok(Some(self.entry()));
            }
            if !is_replaced {
                return Ok(None);
            }
            self.reader = open(&self.path)?;
        }
    }

    /// Whether the file that is being read is no longer the current log file.
    fn is_replaced(&self) -> io::Result<bool> {
        let (Some(reader), Ok(current)) = (&self.reader, fs::symlink_metadata(&self.path)) else {
            return Ok(false);
        };
        // There is more to read, so it does not matter yet.
        if !reader.buffer().is_empty() {
            return Ok(false);
        }
        Ok(!same_file(&reader.get_ref().metadata()?, &current))
    }

    fn entry(&mut self) -> Entry {
        let text = String::from_utf8_lossy(&self.unfinished).trim_end().to_owned();
        self.unfinished.clear();
        self.at = LogLine::parse(&text).map_or(self.at, |line| line.at);
        Entry { at: self.at, process: self.process, text }
    }
}

fn open(path: &std::path::Path) -> io::Result<Option<BufReader<File>>> {
    match open_private(File::options().read(true), path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => Ok(Some(BufReader::new(file?))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn texts(source: &mut Source) -> Vec<String> {
        std::iter::from_fn(|| source.next_line().unwrap()).map(|entry| entry.text).collect()
    }

    #[test]
    fn previous_file_is_read_first_and_new_lines_when_they_are_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        let mut source = Source::new(Process::Book, path.clone());
        assert_eq!(texts(&mut source), [""; 0]);
        fs::write(old(&path), "a\n").unwrap();
        fs::write(&path, "b\nunfin").unwrap();
        assert_eq!(texts(&mut source), ["a", "b"]);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"ished\nc\n").unwrap();
        assert_eq!(texts(&mut source), ["unfinished", "c"]);

        file.write_all(b"d\n").unwrap();
        fs::rename(&path, old(&path)).unwrap();
        file.write_all(b"e\n").unwrap();
        fs::write(&path, "f\n").unwrap();
        assert_eq!(texts(&mut source), ["d", "e", "f"]);
    }

    #[test]
    fn line_without_a_time_has_the_time_of_the_line_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("book.log");
        fs::write(&path, "2026-11-30T13:26:21Z ERROR book: bug\nmore\n").unwrap();
        let mut source = Source::new(Process::Book, path);
        let first = source.next_line().unwrap().unwrap();
        assert_eq!(first.at, "2026-11-30T13:26:21Z".parse().unwrap());
        assert_eq!(source.next_line().unwrap().unwrap().at, first.at);
    }
}
