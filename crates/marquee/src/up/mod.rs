//! `marquee up`: runs the whole fleet as children of one launcher.
//!
//! # Layout
//!
//! - [`backstage`]: runs the services without the gateway, for commands that need them for a while.
//! - `checks`: the checks before any process is started.
//! - `plan`: the flags.
//! - `error`: the reasons why a fleet does not start.
//! - `children`: starts, watches and stops the processes.
//! - `logs`: copies the output of the processes to their log files, and some of it to the screen.
//! - `attention`: selects the lines for the screen.
//! - `screen`: prints; a blocked or closed terminal never delays the fleet.
//! - `ready`: waits for all processes, and formats the text that is printed then.
//! - `signals`: the signals that stop the launcher.
//!
//! Each child has the reading end of a pipe as its standard input, and only the launcher has the writing end.
//! The end of the pipe is the request to stop: the launcher closes it, or the operating system does when the
//! launcher has ended in any way.

mod attention;
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
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, LAUNCHER, Process};
use crate::mark;
use crate::settings::Settings;
use crate::trace::collector;
use crate::up::plan::Up;
use children::Children;
use error::READY_TIMEOUT;
use screen::Screen;
use signals::StopSignals;

pub use error::StartError;

/// Pause between two checks for processes that were started alone.
const LAST_PROCESS_INTERVAL: Duration = Duration::from_secs(1);
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
    let _locks = (data_dir.lock("fleet")?, data_dir.lock(LAUNCHER)?);
    checks::no_process_runs(&data_dir)?;
    mark::no_restore_is_unfinished(&data_dir)?;
    checks::ports_are_free(fleet)?;
    checks::databases_exist(fleet, &data_dir).await?;
    let not_writable = |source| DataDirError::NotWritable { path: fleet.data_dir.clone(), source };
    let (before, settings) = (Settings::read(&data_dir).ok().flatten(), Settings::of(fleet));
    settings.write(&data_dir).map_err(not_writable)?;

    let mut signals = StopSignals::listen().map_err(StartError::Runtime)?;
    let screen = Screen::start();
    screen.note(&format!("starting; the log files are in {}", fleet.data_dir.join("logs").display()));
    if let Err(error) = collector::start(&data_dir).await {
        screen.alarm(&format!("`marquee trace` will find nothing: cannot receive spans: {error}"));
    }
    if let Some(before) = before.filter(|before| before.events_url != settings.events_url) {
        let (now, earlier) = (settings.event_log(), before.event_log());
        screen.alarm(&format!(
            "the event log is {now}, but the last fleet on this data directory used another one: {earlier}"
        ));
    }
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
        if !watch(fleet, &data_dir, &mut children, &screen, &mut signals).await {
            screen.finish().await;
            return Ok(ExitCode::FAILURE);
        }
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

/// Reports processes that end, until the launcher is asked to stop. It restarts none: the user decides. Returns
/// false when no process is left, also none that was started alone.
async fn watch(
    fleet: &Fleet,
    data_dir: &DataDir,
    children: &mut Children,
    screen: &Screen,
    signals: &mut StopSignals,
) -> bool {
    loop {
        tokio::select! {
            ended = children.next_ended() => {
                let command = fleet.command_line(ended.process);
                screen.alarm(&format!("{ended}\nTo start it again:\n\n    {command}\n"));
            }
            () = no_process_is_left(data_dir), if children.none_left() => {
                screen.alarm("no process is left, so the launcher ends");
                return false;
            }
            () = signals.next() => return true,
        }
    }
}

/// Waits until no process runs, whoever has started it.
async fn no_process_is_left(data_dir: &DataDir) {
    while Process::ALL.iter().any(|process| data_dir.holder(process.name()).is_some()) {
        sleep(LAST_PROCESS_INTERVAL).await;
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
        if let Some(pid) = data_dir.holder(process.name()) {
            screen.note(&format!(
                "{process} was not started by this launcher and keeps running: process {pid}, {}",
                fleet.shown_url(process)
            ));
        }
    }
    if graceful { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INTERRUPTED) }
}
