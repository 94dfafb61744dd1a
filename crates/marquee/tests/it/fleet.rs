//! Runs a fleet for one test.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use event_log::Transport;
use marquee::data_dir::DataDir;
use marquee::fleet::Process;
use marquee::metrics_text::metric;
use marquee::rest::Rest;
use messaging::{EventLog, connect};
use rustix::process::{Pid, Signal, kill_process};
use storage::{Db, Settings};
use tempfile::TempDir;
use test_kit::scratch::{Databases, KAFKA_PARTITIONS, ON_POSTGRES, databases, server_events_url};
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};

use crate::wait::until;

/// Tests run their fleets one at a time: many of them book all the time, and two at once starve each other.
static TURN: AsyncMutex<()> = AsyncMutex::const_new(());

/// A server on a busy machine may take longer to accept a connection than a process waits by default.
const PATIENCE: [(&str, &str); 1] = [("DATABASE_WAIT_MS", "30000")];

/// The beginning of the last line that a ready launcher prints.
pub const READY: &str = "  The whole scenario, step by step:";

/// A data directory, the ports of a fleet, and the processes on them.
pub struct Fleet {
    pub rest: Rest,
    pub data_dir: PathBuf,
    pub port_base: u16,
    /// Flags for servers that the environment selects.
    backends: Vec<String>,
    started: Vec<Started>,
    _directory: TempDir,
    /// `None` in a replica, which shares the turn of its fleet.
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Fleet {
    /// Runs `marquee up`, and waits until it is ready.
    pub async fn up() -> Self {
        let mut fleet = Self::nothing().await;
        fleet.up_again().await;
        fleet
    }

    /// Reserves a data directory and ports, and starts nothing.
    pub async fn nothing() -> Self {
        let turn = TURN.lock().await;
        Self::on(backends(), Some(turn))
    }

    /// Reserves a data directory and ports for second processes on the same databases and event log, which
    /// must be on servers.
    pub fn replica(&self) -> Self {
        let replica = Self::on(self.backends.clone(), None);
        // Both are one installation at the payment provider.
        DataDir::open(&replica.data_dir).unwrap();
        fs::copy(self.data_dir.join("fleet-id"), replica.data_dir.join("fleet-id")).unwrap();
        replica
    }

    fn on(backends: Vec<String>, turn: Option<MutexGuard<'static, ()>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port_base = free_port_base();
        Self {
            rest: Rest::new(&url(Process::Gateway, port_base)),
            data_dir: directory.path().join("data"),
            port_base,
            backends,
            started: Vec::new(),
            _directory: directory,
            _turn: turn,
        }
    }

    /// Like [`nothing`](Self::nothing), with all data in files, whatever servers the environment selects.
    pub async fn nothing_but_files() -> Self {
        let mut fleet = Self::nothing().await;
        fleet.backends.clear();
        fleet
    }

    /// Puts the fleet on this event log, whatever the environment selects.
    pub fn on_event_log(&mut self, url: &str) {
        self.on_embedded_event_log();
        self.backends.extend(["--events-url".to_owned(), url.to_owned()]);
    }

    /// Puts the fleet on the event log in its data directory, whatever the environment selects.
    pub fn on_embedded_event_log(&mut self) {
        if let Some(flag) = self.backends.iter().position(|flag| flag == "--events-url") {
            self.backends.drain(flag..flag + 2);
        }
    }

    /// Runs `marquee up` on this data directory, and waits until it is ready.
    pub async fn up_again(&mut self) {
        self.up_with(&[]).await;
    }

    /// Like [`up_again`](Self::up_again), with additional settings.
    pub async fn up_with(&mut self, env: &[(&str, &str)]) {
        let launcher = self.start(["up"], &[&PATIENCE, env].concat());
        until("the ready block", async || launcher_is_ready(launcher)).await;
    }

    /// Runs `marquee service <process>`, and waits until it is ready and has joined its consumer group, if it
    /// has one.
    pub async fn start_alone(&mut self, process: Process) {
        let service = self.service(process);
        let started = self.start(["service", process.name()], &PATIENCE);
        until(&format!("{process} to be ready"), async || {
            if let Some(status) = started.ended() {
                panic!("{process} ended with {status}:\n{}", started.output());
            }
            is_ready(&service).await?;
            if Process::SERVICES.contains(&process) { has_joined(&service).await } else { Ok(()) }
        })
        .await;
    }

    /// Starts `marquee <command>` with the flags of this fleet.
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

    /// Runs `marquee dlq <args>` on the event log of this fleet, and returns its exit code and output.
    pub async fn dlq(&self, args: &[&str]) -> (i32, String) {
        let mut command = marquee(["dlq"].iter().chain(args));
        command.arg("--data-dir").arg(&self.data_dir);
        command.args(self.backend("--events-url").iter().flat_map(|url| ["--events-url", *url]));
        run(command).await
    }

    /// Opens the database of `process`.
    pub async fn db(&self, process: Process) -> Db {
        Db::open(&self.database_url(process).parse().unwrap(), Settings::default()).await.unwrap()
    }

    /// The URL of the database of `process`.
    pub fn database_url(&self, process: Process) -> String {
        let prefix = self.backend("--database-url-prefix").map(|prefix| format!("{prefix}{process}"));
        let own = self.backend("--database-url").and_then(|own| own.strip_prefix(&format!("{process}=")));
        prefix.or(own.map(str::to_owned)).unwrap_or_else(|| self.file_url(process.name()))
    }

    /// Whether all services are on PostgreSQL.
    pub fn is_on_postgres(&self) -> bool {
        self.backend("--database-url-prefix").is_some()
    }

    /// Opens the database of the embedded event log.
    pub async fn event_log(&self) -> Db {
        Db::open(&self.file_url("events").parse().unwrap(), Settings::default()).await.unwrap()
    }

    pub async fn transport(&self) -> Arc<dyn Transport> {
        connect(&self.events_url().parse::<EventLog>().unwrap()).await.unwrap()
    }

    /// The URL of the event log.
    pub fn events_url(&self) -> String {
        self.backend("--events-url").map_or_else(|| self.file_url("events"), str::to_owned)
    }

    pub fn file_url(&self, name: &str) -> String {
        format!("sqlite://{}/{name}.db", self.data_dir.display())
    }

    /// The value of `flag`, if this fleet has it.
    fn backend(&self, flag: &str) -> Option<&str> {
        let mut flags = self.backends.iter().skip_while(|known| *known != flag);
        flags.nth(1).map(String::as_str)
    }

    /// The process that was started first: the launcher, in most tests.
    pub fn launcher(&mut self) -> &mut Started {
        &mut self.started[0]
    }

    pub fn last_started(&mut self) -> &mut Started {
        self.started.last_mut().unwrap()
    }

    /// A client that calls the service directly, not through the gateway.
    pub fn service(&self, process: Process) -> Rest {
        Rest::new(&url(process, self.port_base))
    }

    pub async fn ready(&self, process: Process) {
        let service = self.service(process);
        until(&format!("{process} to be ready"), async || is_ready(&service).await).await;
    }

    /// The process id, from its file in `run`.
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

    /// Kills a process with SIGKILL, and waits for its end.
    pub async fn kill(&self, process: Process) {
        self.end(process, Signal::KILL).await;
    }

    /// Asks a process to stop, and waits for its end.
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

/// Returns an error until the service has joined its consumer group.
async fn has_joined(service: &Rest) -> Result<(), String> {
    match metric(service, "consumer_joined").await {
        Ok(joined) if joined > 0.0 => Ok(()),
        Ok(_) => Err("it is not in its consumer group".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn launcher_is_ready(launcher: &mut Started) -> Result<(), String> {
    if let Some(status) = launcher.ended() {
        panic!("the launcher ended with {status}:\n{}", launcher.output());
    }
    let output = launcher.output();
    if output.contains(READY) { Ok(()) } else { Err(output) }
}

/// The flags for the servers that the environment selects.
fn backends() -> Vec<String> {
    let mut flags = match databases() {
        Databases::Files => vec![],
        Databases::Postgres(prefix) => vec!["--database-url-prefix".to_owned(), prefix],
        Databases::Mixed(prefix) => {
            vec!["--database-url".to_owned(), format!("{ON_POSTGRES}={prefix}{ON_POSTGRES}")]
        }
    };
    flags.extend(server_events_url().into_iter().flat_map(|url| ["--events-url".to_owned(), url]));
    flags
}

/// Kills all processes that a test has left running.
impl Drop for Fleet {
    fn drop(&mut self) {
        // First the launcher, which a shell may have started, so that it does not report ended processes.
        let run = self.data_dir.join("run");
        let services = Process::ALL.map(|process| self.pid_file(process));
        for file in std::iter::once(run.join("fleet.lock")).chain(services) {
            let Ok(text) = fs::read_to_string(file) else {
                continue;
            };
            // Another process may have the id of an old file by now.
            if let Ok(pid) = text.trim().parse()
                && command_line(pid).contains(self.data_dir.to_str().unwrap())
            {
                send(pid, Signal::KILL);
            }
        }
    }
}

/// The binary under test, in an empty environment except for longer timeouts, as the machine may be busy.
pub fn marquee(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marquee"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
        .env("CANCEL_WAIT_MS", "5000")
        // Only the tests of traces look at spans.
        .env("OTEL_SDK_DISABLED", "true")
        .env("PAYMENT_DEADLINE_MS", "10000")
        .env("PAYMENT_ATTEMPT_TIMEOUT_MS", "10000")
        .env("POINT_ATTEMPT_TIMEOUT_MS", "10000")
        .env("KAFKA_PARTITIONS", KAFKA_PARTITIONS.to_string());
    command
}

/// A process of this test, and its output so far.
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

    /// Waits for the end of the process and of its output. Returns its exit code, or -1 if a signal ended it.
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

/// Runs a command to its end, and returns its exit code and output.
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
    // The process may have ended already.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

pub async fn gone(pid: i32) {
    until("a process to be gone", async || if is_running(pid) { Err(command_line(pid)) } else { Ok(()) })
        .await;
}

/// Returns true while any thread of the process runs: until then, it holds its files and its port. A zombie
/// does not run.
pub fn is_running(pid: i32) -> bool {
    let threads = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat"));
        // `pid (name) state …`, where the name may contain any character.
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

/// Finds free ports below the ephemeral ones, which the kernel may give to other connections at any time.
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
