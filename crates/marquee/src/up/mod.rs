//! `marquee up`: the whole fleet as children of one launcher.
//!
//! # Layout
//!
//! - [`backstage`]: the services without the gateway, for a command that needs them for a while.
//! - `checks`: what must be so before anything is started.
//! - `plan`: what to start.
//! - `error`: why a fleet does not start.
//! - `children`: starting, losing and stopping processes.
//! - `logs`: what they print, into their files and onto the screen.
//! - `screen`: what the launcher prints; a stuck or closed terminal never holds the fleet up.
//! - `ready`: waiting for all of them, and what is printed then.
//! - `signals`: what asks the launcher to stop.
//!
//! A child holds the reading end of a pipe whose writing end is the launcher's alone. Its end is the request to stop:
//! it comes when the launcher closes it, and by itself when the launcher is gone, however that happened.

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

/// What a shell reports for a program ended by Ctrl-C.
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
    checks::nothing_of_it_runs(&data_dir)?;
    mark::none(&data_dir)?;
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
                .alarm("not every service reaches the event log yet; what they tell each other waits for it");
        }
        screen.say(&ready::block(fleet, started.elapsed()));
        watch(fleet, &mut children, &screen, &mut signals).await;
    }
    let stopped = stop(fleet, &data_dir, &mut children, &screen, &mut signals).await;
    screen.finish().await;
    ready.map(|_| if screen.has_failed() { ExitCode::FAILURE } else { stopped })
}

/// Whether they hear each other's events too. A process that ends now ends the start.
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

/// Until it is asked to stop. A process that is lost is reported, and nothing is started again behind the user's back.
async fn watch(fleet: &Fleet, children: &mut Children, screen: &Screen, signals: &mut StopSignals) {
    loop {
        tokio::select! {
            ended = children.next_ended() => {
                let rest = if children.none_left() { "Nothing is left running." } else { "The others stay up." };
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
    screen.note("stopping; once more to kill");
    let patient = tokio::select! {
        () = children.stop_in_order(screen) => true,
        () = signals.next() => false,
    };
    if !patient {
        screen.alarm("killing what is left");
        children.kill_all().await;
    }
    for process in Process::ALL {
        // Someone started it again on its own: it is not the launcher's to stop.
        if let Err(DataDirError::InUse { pid: Some(pid), .. }) = data_dir.lock(process.name()) {
            screen.note(&format!(
                "{process} was started by someone else and goes on: process {pid}, {}",
                fleet.shown_url(process)
            ));
        }
    }
    if patient { ExitCode::SUCCESS } else { ExitCode::from(EXIT_INTERRUPTED) }
}
