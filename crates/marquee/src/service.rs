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

/// The file with the process's id, removed on drop. After a crash the file remains, so only the lock proves
/// that the process runs.
struct PidFile(PathBuf);

pub fn run(process: Process, fleet: &Fleet, flags: Vec<OsString>) -> ExitCode {
    if flags.iter().any(|flag| flag == "--help" || flag == "--version" || flag == "--healthcheck") {
        // These need no data directory.
        return process.main([vec![process.name().into()], flags].concat());
    }
    let data_dir = match DataDir::open(&fleet.data_dir) {
        Ok(data_dir) => data_dir,
        Err(error) => return crate::output::fail(&error),
    };
    match fleet.environment_of(process, &data_dir) {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => return restart_with(missing),
        Err(error) => return crate::output::fail(&error),
    }
    // A rebuild runs beside the serving process, and takes its own lock.
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

/// Executes this program again, with `variables` in its environment. A running process cannot set them
/// safely.
fn restart_with(variables: Vec<(&'static str, String)>) -> ExitCode {
    let mut words = std::env::args_os();
    let failure = std::env::current_exe().map(|program| {
        let mut command = Command::new(program);
        command.arg0(words.next().unwrap_or_default()).args(words).envs(variables);
        command.exec()
    });
    crate::output::fail(&RestartError(failure.unwrap_or_else(|error| error)))
}

/// This program could not be executed again.
#[derive(Debug, thiserror::Error)]
#[error("cannot start")]
struct RestartError(#[source] io::Error);

/// Claims `process` in the data directory: a second one of that name is refused, as each database has one
/// process.
fn claim(process: Process, data_dir: &DataDir) -> Result<(Lock, PidFile), DataDirError> {
    let lock = data_dir.lock(process.name())?;
    let path = data_dir.pid_file(process.name());
    let pid_file = PidFile::write(&path).map_err(|source| DataDirError::NotWritable { path, source })?;
    Ok((lock, pid_file))
}

impl PidFile {
    /// Writes the file under another name and renames it, so that readers see a complete number or no file.
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
