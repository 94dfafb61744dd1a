//! From `main` to exit: configuration, signals, background tasks, serving, draining.

use std::ffi::OsString;
use std::future::Future;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{self, EXIT_CONFIG, Limits, Server};
use crate::connections::{self, Answers};
use crate::health::{self, Health};
use crate::hold::{ControlSocket, Gate};
use crate::request_log::chain;
use crate::telemetry;

/// Longest a background task may take to stop.
const TASK_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections to the admin port at the same time.
const ADMIN_CONNECTIONS: usize = 64;
/// Longest an answer on the admin port may take once the process stops.
const ADMIN_STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// `EX_SOFTWARE` of sysexits.h: a background task panicked; the process must not go on without it.
const EXIT_BUG: i32 = 70;

/// Why a process could not start, or not do what it was started for: one line, the way an operator reads it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something is not there, or refuses; a restart may help.
    #[error("{what}")]
    Refused {
        what: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Settings that make no sense together, told with the variable's name; a restart will not help.
    #[error("{0}")]
    Configuration(String),
}

impl StartError {
    /// It cannot start: `what` could not be done, because of `source`.
    pub fn new(what: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Refused { what: format!("cannot start: {}", what.into()), source: source.into() }
    }

    /// It has started, and `what` it was to do was not done, because of `source`.
    pub fn not_done(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Refused { what: what.into(), source: source.into() }
    }

    /// Prints it, and gives the code to end with.
    fn report(&self) -> ExitCode {
        match self {
            Self::Refused { .. } => {
                eprintln!("{}", chain(self));
                ExitCode::FAILURE
            }
            Self::Configuration(problem) => {
                eprintln!("configuration error: {problem}");
                ExitCode::from(EXIT_CONFIG)
            }
        }
    }
}

/// Runs a process: reads its configuration from `args`, starts telemetry, runs `body` until it ends.
///
/// The token given to `body` is canceled on SIGTERM or SIGINT.
pub fn run<C, F>(
    args: impl IntoIterator<Item = OsString>,
    server: impl FnOnce(&C) -> &Server,
    body: impl FnOnce(C, CancellationToken) -> F,
) -> ExitCode
where
    C: Parser,
    F: Future<Output = Result<(), StartError>>,
{
    let config: C = match config::parse(args) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let server = server(&config).clone();
    if let Err(problem) = telemetry::init(&server) {
        eprintln!("configuration error: {problem}");
        return ExitCode::from(EXIT_CONFIG);
    }
    raise_open_files();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        tokio::spawn(telemetry::upkeep());
        if let Some(delay_ms) = server.hang_after_ms {
            tokio::spawn(hang_after(Duration::from_millis(delay_ms)));
        }
        let stop = stop_signal(server.stop_on_stdin_eof);
        body(config, stop).await
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    telemetry::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}

/// Many systems let a process have 1,024 connections unless it asks for more, which it may.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, there are fewer connections, and the log tells of it when they are needed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Blocks every thread of the runtime, as a loop without an `await` would in one after the other.
async fn hang_after(delay: Duration) {
    tokio::time::sleep(delay).await;
    tracing::error!("hangs from here on, as TRIAL_HANG_AFTER_MS says");
    // A thread may be handed two before it has blocked on the first.
    for _ in 0..2 * Handle::current().metrics().num_workers() {
        tokio::spawn(async {
            loop {
                std::thread::park();
            }
        });
    }
}

/// A token that is canceled when the process is asked to stop.
pub fn stop_signal(also_on_stdin_eof: bool) -> CancellationToken {
    let token = CancellationToken::new();
    let stop = token.clone();
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be handled");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    if also_on_stdin_eof {
        let stop = token.clone();
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(std::io::stdin().read(&mut byte), Ok(read) if read > 0) {}
            stop.cancel();
        });
    }
    token
}

/// The ports of a process.
#[derive(Debug)]
pub struct Listeners {
    main: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    pub fn new(main: TcpListener, admin: Option<TcpListener>) -> Self {
        Self { main, admin }
    }
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self::new(main, None)
    }
}

/// Binds `port`, and the admin port if there is one.
///
/// # Errors
///
/// When a port is taken, or the address is not one of this machine.
pub async fn bind(server: &Server, port: u16) -> Result<Listeners, StartError> {
    let main = bind_one(server.address(port)).await?;
    let admin = match server.admin_port {
        Some(port) => Some(bind_one(server.address(port)).await?),
        None => None,
    };
    Ok(Listeners { main, admin })
}

/// Without its control socket a process does everything but wait for a backup.
fn bind_control(path: &Path) -> Option<ControlSocket> {
    match ControlSocket::bind(path) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(
                "no backup while this process runs: no control socket {}: {error}",
                path.display()
            );
            None
        }
    }
}

async fn bind_one(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| StartError::new(format!("cannot listen on {address}"), error))?;
    tracing::info!("listens on {address}");
    Ok(listener)
}

/// Serves `answers` until `stop`, then turns unready, accepts no new connection after the drain delay, and lets running
/// requests finish within the drain timeout. The admin port is served before and after the main one.
pub async fn serve(
    listeners: impl Into<Listeners>,
    answers: impl Answers,
    health: Health,
    server: &Server,
    stop: CancellationToken,
) {
    let Listeners { main, admin } = listeners.into();
    let admin = admin.map(|listener| Admin::start(listener, &health, server));
    let drain_timeout = Duration::from_millis(server.drain_timeout_ms);
    let drain_delay = Duration::from_millis(server.drain_delay_ms);
    let closing = CancellationToken::new();
    let mut answers = answers.trusting(&server.trusted_proxies);
    let control = server.control_socket.as_deref().and_then(bind_control).map(|control| {
        let gate = Gate::default();
        (Background::spawn("control socket", |stop| control.serve(gate.clone(), stop)), gate)
    });
    if let Some((_, gate)) = &control {
        answers = answers.behind(gate);
    }
    if let Some(hosts) = server.allowed_hosts.of(server.host) {
        answers = answers.answering_for(hosts);
    }
    let serving =
        connections::serve(main, answers, health.clone(), &server.limits, server.exempt(), closing.clone());
    let overdue = async {
        stop.cancelled().await;
        health.drain();
        tokio::time::sleep(drain_delay).await;
        closing.cancel();
        tracing::info!("stopping: no new connections, running requests finish");
        tokio::time::sleep(drain_timeout).await;
    };
    tokio::select! {
        () = serving => {}
        () = overdue => tracing::warn!("requests still running after {drain_timeout:?} are cut off"),
    }
    if let Some((control, _)) = control {
        control.stop().await;
    }
    if let Some(admin) = admin {
        admin.stop().await;
    }
}

/// Serves the admin port.
struct Admin {
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Admin {
    fn start(listener: TcpListener, health: &Health, server: &Server) -> Self {
        health.move_metrics();
        let stop = CancellationToken::new();
        let (health, exempt, stopped) = (health.clone(), server.exempt(), stop.clone());
        let limits = Limits {
            max_connections: ADMIN_CONNECTIONS,
            max_connections_per_peer: 0,
            ..server.limits.clone()
        };
        let router = health::admin_router(health.clone());
        let serving = tokio::spawn(async move {
            connections::serve(listener, router, health, &limits, exempt, stopped).await;
        });
        Self { stop, serving }
    }

    async fn stop(self) {
        self.stop.cancel();
        let mut serving = self.serving;
        if tokio::time::timeout(ADMIN_STOP_TIMEOUT, &mut serving).await.is_err() {
            serving.abort();
        }
    }
}

/// A task that runs beside the server until it is stopped.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Background {
    /// Starts `task`, which must end soon after its token is canceled. Should it panic, the process exits:
    /// a fleet member that looks alive and does half its work is worse than one that is gone.
    pub fn spawn<F>(name: &'static str, task: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let inner = tokio::spawn(task(stop.clone()));
        let handle = tokio::spawn(async move {
            if let Err(failure) = inner.await
                && failure.is_panic()
            {
                tracing::error!("{name} panicked; the process ends");
                telemetry::flush();
                std::process::exit(EXIT_BUG);
            }
        });
        Self { name, stop, handle }
    }

    /// Asks the task to stop and waits for it, for a bounded time.
    pub async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(TASK_STOP_TIMEOUT, self.handle).await.is_err() {
            tracing::warn!("{} did not stop within {TASK_STOP_TIMEOUT:?}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[derive(Parser, Debug)]
    struct Example {
        #[command(flatten)]
        server: Server,
    }

    /// The next answer on `connection`, which is an empty one.
    async fn ask(connection: &mut TcpStream) -> String {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_process_that_drains_takes_connections_and_answers_once_on_each() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, stop) = (Health::always(), CancellationToken::new());
        let config = Example::parse_from(["example", "--drain-delay-ms", "60000"]);
        let (told, stopped) = (health.clone(), stop.clone());
        let serving = tokio::spawn(async move {
            let router = Router::new().route("/", get(|| async {}));
            serve(listener, router, told, &config.server, stopped).await;
        });
        let mut kept = TcpStream::connect(address).await.unwrap();
        assert!(!ask(&mut kept).await.contains("connection: close"));
        stop.cancel();
        while !health.is_draining() {
            tokio::task::yield_now().await;
        }
        for mut connection in [kept, TcpStream::connect(address).await.unwrap()] {
            let answer = ask(&mut connection).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
            assert_eq!(connection.read(&mut [0]).await.unwrap(), 0);
        }
        serving.abort();
    }
}
