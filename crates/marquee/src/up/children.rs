//! Starts, watches and stops the processes.

use std::collections::BTreeMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::error::{Ended, STOP_TIMEOUT, StartError};
use super::logs::{self, Output};
use super::plan::Up;
use super::screen::Screen;
use crate::data_dir::DataDir;
use crate::fleet::Process;

/// Maximum wait for a killed process to end, and for the remaining output of an ended one.
const END_TIMEOUT: Duration = Duration::from_secs(2);

pub struct Children {
    running: BTreeMap<Process, Running>,
    ended: mpsc::Receiver<Ended>,
}

struct Running {
    /// Closing it asks the process to stop.
    stdin: Option<ChildStdin>,
    kill: Arc<Notify>,
}

impl Children {
    pub fn start(
        processes: &[Process],
        up: &Up,
        data_dir: &DataDir,
        screen: &Screen,
    ) -> Result<Self, StartError> {
        let (report, ended) = mpsc::channel(Process::ALL.len());
        let mut running = BTreeMap::new();
        for process in processes.iter().copied() {
            let spawned = spawn(process, up, data_dir, screen);
            let (child, output) = spawned.map_err(|source| StartError::Spawn { process, source })?;
            running.insert(process, supervise(process, child, output, report.clone()));
        }
        Ok(Self { running, ended })
    }

    pub fn none_left(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for the next process to end; forever if none is left.
    pub async fn next_ended(&mut self) -> Ended {
        match self.ended.recv().await {
            Some(ended) => {
                self.running.remove(&ended.process);
                ended
            }
            None => std::future::pending().await,
        }
    }

    /// Stops one process after the other, so that no process waits for an answer from one that has ended.
    pub async fn stop_in_order(&mut self, screen: &Screen) {
        for process in Process::STOP_ORDER {
            let Some(running) = self.running.get_mut(&process) else {
                continue;
            };
            running.stdin = None;
            if timeout(STOP_TIMEOUT, self.wait_for_end(process)).await.is_err() {
                screen.alarm(&format!(
                    "{process} did not stop within {} s and is killed",
                    STOP_TIMEOUT.as_secs()
                ));
                self.kill(process);
                let _ = timeout(END_TIMEOUT, self.wait_for_end(process)).await;
            }
        }
    }

    pub async fn kill_all(&mut self) {
        for process in Process::ALL {
            self.kill(process);
        }
        for process in Process::ALL {
            let _ = timeout(END_TIMEOUT, self.wait_for_end(process)).await;
        }
    }

    fn kill(&self, process: Process) {
        if let Some(running) = self.running.get(&process) {
            running.kill.notify_one();
        }
    }

    async fn wait_for_end(&mut self, process: Process) {
        while self.running.contains_key(&process) {
            self.next_ended().await;
        }
    }
}

/// Starts `marquee service <process>` in its own process group, so that Ctrl-C in the terminal reaches only
/// the launcher, which stops the processes in order.
fn spawn(process: Process, up: &Up, data_dir: &DataDir, screen: &Screen) -> io::Result<(Child, Arc<Output>)> {
    let log = data_dir.log_file(process.name());
    let output = Output::open(process, &log, screen.clone(), up.verbose)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(up.fleet.args_of_service(process)).arg("--stop-on-stdin-eof");
    if process == Process::Book && !up.no_demo_data {
        command.arg("--demo-data");
    }
    command.envs(up.fleet.environment());
    command.envs(up.fleet.environment_of(process, data_dir).map_err(io::Error::other)?);
    // Seven processes on one machine cannot share one admin port; their main ports serve the probes.
    command.env_remove("ADMIN_PORT");
    let child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, Arc::new(output)))
}

/// Forwards the output of the child, waits for its end, and reports it.
fn supervise(
    process: Process,
    mut child: Child,
    output: Arc<Output>,
    report: mpsc::Sender<Ended>,
) -> Running {
    let pid = child.id().unwrap_or_default();
    let kill = Arc::new(Notify::new());
    let running = Running { stdin: child.stdin.take(), kill: kill.clone() };
    let stdout = child.stdout.take().map(|pipe| logs::forward(pipe, output.clone()));
    let stderr = child.stderr.take().map(|pipe| logs::forward(pipe, output.clone()));
    tokio::spawn(async move {
        let status = end_of(&mut child, &kill).await;
        for pipe in [stdout, stderr].into_iter().flatten() {
            read_to_end(pipe).await;
        }
        let ended = Ended { process, pid, status, last_lines: output.last_lines() };
        // The receiver is gone if the launcher itself is ending.
        let _ = report.send(ended).await;
    });
    running
}

async fn end_of(child: &mut Child, kill: &Notify) -> ExitStatus {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            // This fails only if the process has already ended.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    status.expect("a child is waited for once")
}

/// Reads the rest of the pipe of an ended process. It ends too, unless a child of the process still holds it.
async fn read_to_end(pipe: JoinHandle<()>) {
    let _ = timeout(END_TIMEOUT, pipe).await;
}
