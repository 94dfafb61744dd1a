//! `marquee up`: runs the whole fleet as children of one launcher.
//!
//! # Layout
//!
//! - [`backstage`]: runs the services without the gateway, for commands that need them for a while.
//! - `checks`: the checks before any process is started.
//! - `plan`: the flags.
//! - `error`: the reasons why a fleet does not start.
//! - `children`: starts, watches and stops the processes.
//! - `logs`: copies the output of the processes to their log files and to the screen.
//! - `screen`: prints; a blocked or closed terminal never delays the fleet.
//! - `ready`: waits for all processes, and formats the text that is printed then.
//! - `signals`: the signals that stop the launcher.
//!
//! Each child has the reading end of a pipe as its standard input, and only the launcher has the writing end.
//! The end of the pipe is the request to stop: the launcher closes it, or the operating system does when the
//! launcher has ended in any way.

pub mod backstage;
mod checks;
mod children;
mod error;
mod logs;
pub mod plan;
mod ready;
mod screen;
mod signals;

use std::process::ExitCode;
use std::time::Instant;

use tokio::time::sleep;

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, Process};
use crate::mark;
use crate::up::plan::Up;
use children::Children;
use error::READY_TIMEOUT;
use screen::Screen;
use signals::StopSignals;

pub use error::StartError;

/// The exit code that a shell reports for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

pub fn run(up: &Up) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Runtime)
        .and_then(|runtime| runtime.block_on(launch(up)));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            crate::output::fail(&error);
            error.exit_code()
        }
    }
}

async fn launch(up: &Up) -> Result<ExitCode, StartError> {
    let fleet = &up.fleet;
    let started = Instant::now();
    let data_dir = DataDir::open(&fleet.data_dir)?;
    let _lock = data_dir.lock("fleet")?;
    checks::no_process_runs(&data_dir)?;
    mark::no_restore_is_unfinished(&data_dir)?;
    checks::ports_are_free(fleet)?;
    checks::databases_exist(fleet, &data_dir).await?;

    let mut signals = StopSignals::listen().map_err(StartError::Runtime)?;
    let screen = Screen::start();
    let mut children = Children::start(&Process::ALL, up, &data_dir, &screen)?;
    let ready = tokio::select! {
        ready = all_ready(fleet, &mut children) => ready.map(Some),
        () = signals.next() => Ok(None),
    };
    if let Ok(Some(joined)) = ready {
        if !joined {
            screen
                .alarm("not every service has joined the event log yet; events between services are delayed");
        }
        screen.print(&ready::block(fleet, started.elapsed()));
        watch(fleet, &mut children, &screen, &mut signals).await;
    }
    let stopped = stop(fleet, &data_dir, &mut children, &screen, &mut signals).await;
    screen.finish().await;
    ready.map(|_| if screen.has_failed() { ExitCode::FAILURE } else { stopped })
}

/// Waits until all processes are ready, and returns whether all services have joined the event log. If a
/// process ends before, the start fails.
async fn all_ready(fleet: &Fleet, children: &mut Children) -> Result<bool, StartError> {
    let ready = async {
        ready::all(fleet, &Process::ALL).await;
        ready::all_joined(fleet).await
    };
    tokio::select! {
        joined = ready => Ok(joined),
        ended = children.next_ended() => Err(StartError::Ended(ended)),
        () = sleep(READY_TIMEOUT) => Err(StartError::NotReady(ready::missing(fleet, &Process::ALL).await)),
    }
}

/// Reports processes that end, until the launcher is asked to stop. It restarts none: the user decides.
async fn watch(fleet: &Fleet, children: &mut Children, screen: &Screen, signals: &mut StopSignals) {
    loop {
        tokio::select! {
            ended = children.next_ended() => {
                let rest = if children.none_left() { "No process is left." } else { "The others keep running." };
                let command = fleet.command_line(ended.process);
                screen.alarm(&format!("{ended}\n{rest} To start it again:\n\n    {command}\n"));
            }
            () = signals.next() => return,
        }
    }
}

async fn stop(
    fleet: &Fleet,
    data_dir: &DataDir,
    children: &mut Children,
    screen: &Screen,
    signals: &mut StopSignals,
) -> ExitCode {
    screen.note("stopping; press Ctrl-C again to kill");
    let graceful = tokio::select! {
        () = children.stop_in_order(screen) => true,
        () = signals.next() => false,
    };
    if !graceful {
        screen.alarm("killing the remaining processes");
        children.kill_all().await;
    }
    for process in Process::ALL {
        // The user has restarted this process alone, so the launcher does not stop it.
        if let Err(DataDirError::InUse { pid: Some(pid), .. }) = data_dir.lock(process.name()) {
            screen.note(&format!(
                "{process} was not started by this launcher and keeps running: process {pid}, {}",
                fleet.shown_url(process)
            ));
        }
    }
    if graceful { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INTERRUPTED) }
}
