//! `marquee service <name>`: becomes one process of the fleet.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, ExitCode, Stdio};

use crate::data_dir::{DataDir, DataDirError, Lock, open_private};
use crate::fleet::{Fleet, Process, program};
use crate::mark;
use crate::settings;

/// The file with the process's id, removed on drop. After a crash the file remains, so only the lock proves
/// that the process runs.
struct PidFile(PathBuf);

pub fn run(process: Process, fleet: &Fleet, supervised: bool, flags: Vec<OsString>) -> ExitCode {
    if flags.iter().any(|flag| flag == "--help" || flag == "--version" || flag == "--healthcheck") {
        // These need no data directory.
        return process.main([vec![process.name().into()], flags].concat());
    }
    let data_dir = match DataDir::open(&fleet.data_dir) {
        Ok(data_dir) => data_dir,
        Err(error) => return crate::output::fail(&error),
    };
    if supervised {
        become_process(process, fleet, &data_dir, flags)
    } else {
        join(process, fleet, &data_dir, &flags)
    }
}

/// Joins the fleet of the data directory: takes its settings, and executes this program again with them. Its
/// output goes to the process's log file and to standard output.
fn join(process: Process, fleet: &Fleet, data_dir: &DataDir, flags: &[OsString]) -> ExitCode {
    if !is_rebuild(flags)
        && let Err(error) = data_dir.lock(process.name())
    {
        return crate::output::fail(&error);
    }
    let fleet = match settings::adopt(fleet, data_dir) {
        Ok(fleet) => fleet,
        Err(error) => {
            crate::output::fail(&error);
            return error.exit_code();
        }
    };
    // A rebuild runs beside the serving process.
    let log = (!is_rebuild(flags)).then(|| data_dir.log_file(process.name()));
    let environment = fleet.environment_of(process, data_dir);
    match environment.map_err(JoinError::from).map(|own| execute(process, &fleet, flags, own, log.as_deref()))
    {
        Ok(error) | Err(error) => crate::output::fail(&error),
    }
}

/// Executes this program again, with exactly the settings of `fleet` and with the variables `own`: a running
/// process cannot set variables safely. Returns only if that fails.
fn execute(
    process: Process,
    fleet: &Fleet,
    flags: &[OsString],
    own: Vec<(&'static str, String)>,
    log: Option<&Path>,
) -> JoinError {
    let prepared = std::env::current_exe().and_then(|this| {
        let mut command = Command::new(this);
        command.arg0(program()).args(fleet.args_of_service(process)).args(flags);
        command.envs(fleet.environment()).envs(own);
        if let Some(log) = log {
            // Both streams go to the log, and each goes on to where it went before.
            command.stdout(log_writer(log, Stdio::inherit())?);
            command.stderr(log_writer(log, io::stderr().as_fd().try_clone_to_owned()?.into())?);
        }
        Ok(command)
    });
    match prepared {
        Ok(mut command) => command.exec().into(),
        Err(error) => error.into(),
    }
}

/// Starts a process that copies what it reads to the log file and to `onward`. Returns its input.
fn log_writer(log: &Path, onward: Stdio) -> io::Result<ChildStdin> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("write-log").arg(log);
    // Ctrl-C in the terminal ends the process that writes the lines, and this one after its last line.
    let mut writer = command.process_group(0).stdin(Stdio::piped()).stdout(onward).spawn()?;
    writer.stdin.take().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
}

#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot start")]
    Start(#[from] io::Error),
}

fn is_rebuild(flags: &[OsString]) -> bool {
    flags.iter().any(|flag| flag == "--rebuild")
}

/// Becomes the process, with the settings as they are given.
fn become_process(process: Process, fleet: &Fleet, data_dir: &DataDir, flags: Vec<OsString>) -> ExitCode {
    match fleet.environment_of(process, data_dir) {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => return crate::output::fail(&execute(process, fleet, &flags, missing, None)),
        Err(error) => return crate::output::fail(&error),
    }
    // A rebuild takes its own lock.
    let _claim = match (!is_rebuild(&flags)).then(|| claim(process, data_dir)).transpose() {
        Ok(claim) => claim,
        Err(error) => return crate::output::fail(&error),
    };
    if let Err(error) = mark::files_are_whole(data_dir) {
        return crate::output::fail(&error);
    }
    let mut args = fleet.args_of(process, data_dir);
    args.extend(flags);
    process.main(args)
}

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
