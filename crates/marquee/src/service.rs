//! `marquee service <name>`: becomes one process of the fleet.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::data_dir::{DataDir, DataDirError, Lock, open_private};
use crate::fleet::{Fleet, Process};
use crate::mark;

/// The process's id, in its file for as long as it runs. After a crash the file stays; the lock tells.
struct PidFile(PathBuf);

pub fn run(process: Process, fleet: &Fleet, flags: Vec<OsString>) -> ExitCode {
    if flags.iter().any(|flag| flag == "--help" || flag == "--version" || flag == "--healthcheck") {
        // Only a question: it needs no data directory.
        return process.main([vec![process.name().into()], flags].concat());
    }
    let data_dir = match DataDir::open(&fleet.data_dir) {
        Ok(data_dir) => data_dir,
        Err(error) => return crate::output::fail(&error),
    };
    match fleet.environment_of(process, &data_dir) {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => return start_over(missing),
        Err(error) => return crate::output::fail(&error),
    }
    // A rebuild goes on beside the process that serves, and has a claim of its own.
    let is_rebuild = flags.iter().any(|flag| flag == "--rebuild");
    let _claim = match (!is_rebuild).then(|| claim(process, &data_dir)).transpose() {
        Ok(claim) => claim,
        Err(error) => return crate::output::fail(&error),
    };
    if let Err(error) = mark::files_are_whole(&data_dir) {
        return crate::output::fail(&error);
    }
    let mut args = fleet.args_of(process, &data_dir);
    args.extend(flags);
    process.main(args)
}

/// Becomes this program once more, with `variables` in its environment. A running process cannot set them.
fn start_over(variables: Vec<(&'static str, String)>) -> ExitCode {
    let mut words = std::env::args_os();
    let failure = std::env::current_exe().map(|program| {
        let mut command = Command::new(program);
        command.arg0(words.next().unwrap_or_default()).args(words).envs(variables);
        command.exec()
    });
    crate::output::fail(&StartOver(failure.unwrap_or_else(|error| error)))
}

/// This program could not be run once more.
#[derive(Debug, thiserror::Error)]
#[error("cannot start")]
struct StartOver(#[source] io::Error);

/// One database has one process: a second one on the same directory is refused.
fn claim(process: Process, data_dir: &DataDir) -> Result<(Lock, PidFile), DataDirError> {
    let lock = data_dir.lock(process.name())?;
    let path = data_dir.pid_file(process.name());
    let pid_file = PidFile::write(&path).map_err(|source| DataDirError::NotWritable { path, source })?;
    Ok((lock, pid_file))
}

impl PidFile {
    /// Written beside and renamed, so that a reader sees a whole number or no file.
    fn write(path: &Path) -> io::Result<Self> {
        let unfinished = path.with_extension("pid.new");
        let mut file = open_private(File::options().write(true).create(true).truncate(true), &unfinished)?;
        writeln!(file, "{}", std::process::id())?;
        fs::rename(&unfinished, path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
