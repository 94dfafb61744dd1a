//! A fleet for one test.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use marquee::fleet::Process;
use marquee::rest::Rest;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use test_kit::scratch::{database_url_prefix, server_events_url};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};

use crate::wait::until;

/// Two fleets at once would only be slower than one after the other.
static TURN: AsyncMutex<()> = AsyncMutex::const_new(());

/// A data directory, six ports, and whatever runs on them.
pub struct Fleet {
    pub rest: Rest,
    pub data_dir: PathBuf,
    pub port_base: u16,
    /// Flags that lead to servers, when the environment asks for them.
    backends: Vec<String>,
    started: Vec<Started>,
    _directory: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Fleet {
    /// `marquee up`, ready.
    pub async fn up() -> Self {
        let mut fleet = Self::nothing().await;
        fleet.up_again().await;
        fleet
    }

    /// Only the data directory and the ports.
    pub async fn nothing() -> Self {
        let turn = TURN.lock().await;
        let directory = tempfile::tempdir().unwrap();
        let port_base = free_port_base();
        Self {
            rest: Rest::new(&url(Process::Gateway, port_base)),
            data_dir: directory.path().join("data"),
            port_base,
            backends: backends(),
            started: Vec::new(),
            _directory: directory,
            _turn: turn,
        }
    }

    /// `marquee up` on this data directory, ready.
    pub async fn up_again(&mut self) {
        let launcher = self.start(["up"], &[]);
        until("the ready block", async || launcher_is_ready(launcher)).await;
    }

    /// `marquee service <process>` on this data directory, ready.
    pub async fn start_alone(&mut self, process: Process) {
        let service = self.service(process);
        let started = self.start(["service", process.name()], &[]);
        until(&format!("{process} to be ready"), async || {
            if let Some(status) = started.ended() {
                panic!("{process} ended with {status}:\n{}", started.output());
            }
            is_ready(&service).await
        })
        .await;
    }

    /// `marquee <command>` with the flags that mean this fleet.
    pub fn start<const N: usize>(&mut self, command: [&str; N], env: &[(&str, &str)]) -> &mut Started {
        let flags = self.flags();
        let args = command.map(OsStr::new).into_iter().chain(flags.iter().map(OsStr::new));
        let mut command = marquee(args);
        command.envs(env.iter().copied());
        self.started.push(Started::spawn(command));
        self.started.last_mut().unwrap()
    }

    pub fn flags(&self) -> Vec<String> {
        let data_dir = self.data_dir.to_str().unwrap();
        let mut flags = vec!["--data-dir", data_dir].into_iter().map(str::to_owned).collect::<Vec<_>>();
        flags.extend(["--port-base".to_owned(), self.port_base.to_string()]);
        flags.extend(self.backends.iter().cloned());
        flags
    }

    /// What was started first: the launcher, in most tests.
    pub fn launcher(&mut self) -> &mut Started {
        &mut self.started[0]
    }

    /// The service itself, not through the gateway.
    pub fn service(&self, process: Process) -> Rest {
        Rest::new(&url(process, self.port_base))
    }

    pub async fn ready(&self, process: Process) {
        let service = self.service(process);
        until(&format!("{process} to be ready"), async || is_ready(&service).await).await;
    }

    /// From its file in `run`.
    pub fn pid(&self, process: Process) -> i32 {
        let file = self.pid_file(process);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        text.trim().parse().unwrap()
    }

    pub fn pid_file(&self, process: Process) -> PathBuf {
        self.data_dir.join("run").join(format!("{process}.pid"))
    }

    pub fn pids(&self) -> Vec<i32> {
        Process::ALL.map(|process| self.pid(process)).to_vec()
    }

    /// kill -9, and gone.
    pub async fn kill(&self, process: Process) {
        self.end(process, Signal::KILL).await;
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&self, process: Process) {
        self.end(process, Signal::TERM).await;
    }

    async fn end(&self, process: Process, signal: Signal) {
        let pid = self.pid(process);
        send(pid, signal);
        gone(pid).await;
    }
}

async fn is_ready(service: &Rest) -> Result<(), String> {
    match service.get("/readyz").await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(answer.body.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

fn launcher_is_ready(launcher: &mut Started) -> Result<(), String> {
    if let Some(status) = launcher.ended() {
        panic!("the launcher ended with {status}:\n{}", launcher.output());
    }
    let output = launcher.output();
    if output.contains("  All of it, explained:") { Ok(()) } else { Err(output) }
}

/// Whatever a test leaves running, or leaves behind because it panicked, ends here.
fn backends() -> Vec<String> {
    let databases = database_url_prefix().map(|prefix| ["--database-url-prefix".to_owned(), prefix]);
    let events = server_events_url().map(|url| ["--events-url".to_owned(), url]);
    databases.into_iter().chain(events).flatten().collect()
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // First the launcher, which may have been started by a shell, so that it reports no losses.
        let run = self.data_dir.join("run");
        let services = Process::ALL.map(|process| self.pid_file(process));
        for file in std::iter::once(run.join("fleet.lock")).chain(services) {
            let Ok(text) = fs::read_to_string(file) else {
                continue;
            };
            // A number in an old file may be another process's by now.
            if let Ok(pid) = text.trim().parse()
                && command_line(pid).contains(self.data_dir.to_str().unwrap())
            {
                send(pid, Signal::KILL);
            }
        }
    }
}

/// The binary under test in an environment that holds nothing to influence it.
pub fn marquee(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marquee"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// A process of this test, and what it has printed so far.
pub struct Started {
    child: Child,
    printed: Arc<Mutex<String>>,
    pipes: [JoinHandle<()>; 2],
}

impl Started {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = Arc::<Mutex<String>>::default();
        let pipes = [
            collect(child.stdout.take().unwrap(), printed.clone()),
            collect(child.stderr.take().unwrap(), printed.clone()),
        ];
        Self { child, printed, pipes }
    }

    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub fn output(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub async fn prints(&mut self, text: &str) {
        until(text, async || {
            let output = self.output();
            if output.contains(text) { Ok(()) } else { Err(output) }
        })
        .await;
    }

    /// The exit code, once it has ended and all it printed is here; -1 when a signal ended it.
    pub async fn exit_code(&mut self) -> i32 {
        let status = until("a process to end", async || {
            let status = self.ended().filter(|_| self.pipes.iter().all(JoinHandle::is_finished));
            status.ok_or_else(|| self.output())
        })
        .await;
        status.code().unwrap_or(-1)
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a command to its end; its exit code and what it printed.
pub async fn run(command: Command) -> (i32, String) {
    let mut started = Started::spawn(command);
    let code = started.exit_code().await;
    (code, started.output())
}

fn collect(mut pipe: impl Read + Send + 'static, printed: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut chunk = [0; 8192];
        while let Ok(read @ 1..) = pipe.read(&mut chunk) {
            printed.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
        }
    })
}

pub fn send(pid: i32, signal: Signal) {
    // It may be gone already.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

pub async fn gone(pid: i32) {
    until("a process to be gone", async || if is_running(pid) { Err(command_line(pid)) } else { Ok(()) })
        .await;
}

/// A process that has ended and was not yet waited for does not run. It is over when its last thread is: until then it
/// holds its files and its port.
pub fn is_running(pid: i32) -> bool {
    let threads = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        // `pid (name) state …`, and the name may hold anything.
        stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with(['Z', 'X']))
    })
}

fn command_line(pid: i32) -> String {
    let words = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline"));
    String::from_utf8_lossy(&words.unwrap_or_default()).replace('\0', " ")
}

fn url(process: Process, port_base: u16) -> String {
    format!("http://127.0.0.1:{}", process.port(port_base))
}

/// Below the ports that the kernel gives to outgoing connections, so that nobody takes one in between.
pub fn free_port_base() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    (0..1000)
        .map(|_| first + NEXT.fetch_add(10, Ordering::Relaxed) % 2000)
        .find(|base| {
            Process::ALL.iter().all(|process| TcpListener::bind(("127.0.0.1", process.port(*base))).is_ok())
        })
        .expect("ports are free")
}
