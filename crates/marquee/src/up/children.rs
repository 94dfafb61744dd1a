//! Starting, losing and stopping processes.

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

/// Longest to wait for a killed process, and for the rest of what an ended one printed.
const AFTERMATH: Duration = Duration::from_secs(2);

pub struct Children {
    running: BTreeMap<Process, Running>,
    ended: mpsc::Receiver<Ended>,
}

struct Running {
    /// Its end asks the process to stop.
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
            running.insert(process, attend(process, child, output, report.clone()));
        }
        Ok(Self { running, ended })
    }

    pub fn none_left(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits for the next process to end; for ever when none is left.
    pub async fn next_ended(&mut self) -> Ended {
        match self.ended.recv().await {
            Some(ended) => {
                self.running.remove(&ended.process);
                ended
            }
            None => std::future::pending().await,
        }
    }

    /// One after the other, so that nobody is left waiting for an answer from one that is already gone.
    pub async fn stop_in_order(&mut self, screen: &Screen) {
        for process in Process::STOP_ORDER {
            let Some(running) = self.running.get_mut(&process) else {
                continue;
            };
            running.stdin = None;
            if timeout(STOP_TIMEOUT, self.gone(process)).await.is_err() {
                screen.alarm(&format!(
                    "{process} did not stop within {} s and is killed",
                    STOP_TIMEOUT.as_secs()
                ));
                self.kill(process);
                let _ = timeout(AFTERMATH, self.gone(process)).await;
            }
        }
    }

    pub async fn kill_all(&mut self) {
        for process in Process::ALL {
            self.kill(process);
        }
        for process in Process::ALL {
            let _ = timeout(AFTERMATH, self.gone(process)).await;
        }
    }

    fn kill(&self, process: Process) {
        if let Some(running) = self.running.get(&process) {
            running.kill.notify_one();
        }
    }

    async fn gone(&mut self, process: Process) {
        while self.running.contains_key(&process) {
            self.next_ended().await;
        }
    }
}

/// A child of this launcher: `marquee service <process>` in a process group of its own, so that Ctrl-C in the
/// terminal reaches the launcher alone and the order of stopping is kept.
fn spawn(process: Process, up: &Up, data_dir: &DataDir, screen: &Screen) -> io::Result<(Child, Arc<Output>)> {
    let output = Output::open(process, &data_dir.log_file(process.name()), screen.clone())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("service").arg(process.name()).args(up.fleet.flags()).args(["--", "--stop-on-stdin-eof"]);
    if process == Process::Book && !up.no_demo_data {
        command.arg("--demo-data");
    }
    command.envs(up.fleet.environment());
    command.envs(up.fleet.environment_of(process, data_dir).map_err(io::Error::other)?);
    // One admin port cannot serve seven processes on one machine; their probes are on their main ports.
    command.env_remove("ADMIN_PORT");
    if std::env::var_os("LOG_FORMAT").is_none() {
        // The lines go to people, though not to a terminal.
        command.args(["--log-format", "pretty"]);
    }
    let child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, Arc::new(output)))
}

/// Forwards what the child prints, waits for its end and reports it.
fn attend(process: Process, mut child: Child, output: Arc<Output>, report: mpsc::Sender<Ended>) -> Running {
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
        // Nobody listens when the launcher itself is ending.
        let _ = report.send(ended).await;
    });
    running
}

async fn end_of(child: &mut Child, kill: &Notify) -> ExitStatus {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            // It fails only when the process has just ended.
            let _ = child.start_kill();
            child.wait().await
        }
    };
    status.expect("a child is waited for once")
}

/// The pipe of an ended process ends too, unless the process left something behind that holds it.
async fn read_to_end(pipe: JoinHandle<()>) {
    let _ = timeout(AFTERMATH, pipe).await;
}
