//! Serves a process from its first connection to its last: the ports, the drain, the admin port.

use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use process::{Background, StartError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::admin::Admin;
use crate::config::Server;
use crate::health::Health;
use crate::hold::{ControlSocket, Gate};
use crate::port;
use crate::serves::Serves;

/// Runs a process with an HTTP server: like [`process::run`], with the `server` settings in its
/// configuration.
pub fn run<C, F>(
    args: impl IntoIterator<Item = OsString>,
    server: impl FnOnce(&C) -> &Server,
    body: impl FnOnce(C, CancellationToken) -> F,
) -> ExitCode
where
    C: Parser,
    F: Future<Output = Result<(), StartError>>,
{
    process::run(
        args,
        |config| {
            let server = server(config);
            (&server.log, &server.process)
        },
        body,
    )
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

/// Without its control socket, a process does everything except wait for a backup.
fn bind_control(path: &Path) -> Option<ControlSocket> {
    match ControlSocket::bind(path) {
        Ok(control) => Some(control),
        Err(error) => {
            tracing::warn!(
                path = %path.display(),
                cause = %error,
                "no backup is possible while this process runs: cannot create the control socket"
            );
            None
        }
    }
}

async fn bind_one(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| StartError::new(format!("cannot listen on {address}"), error))?;
    tracing::info!(%address, "listening");
    Ok(listener)
}

/// Serves `answers` until `stop`. Then the process turns unready, accepts no new connection after the drain
/// delay, and lets running requests finish within the drain timeout. The admin port outlives the main one.
pub async fn serve(
    listeners: impl Into<Listeners>,
    answers: impl Serves,
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
        port::serve(main, answers, health.clone(), &server.limits, server.exempt(), closing.clone());
    let overdue = async {
        stop.cancelled().await;
        health.drain();
        tokio::time::sleep(drain_delay).await;
        closing.cancel();
        tracing::info!("stopping: no new connections are accepted, running requests finish");
        tokio::time::sleep(drain_timeout).await;
    };
    tokio::select! {
        () = serving => {}
        () = overdue => tracing::warn!(
            drain_timeout_ms = server.drain_timeout_ms,
            "requests that still run are cut off"
        ),
    }
    if let Some((control, _)) = control {
        control.stop().await;
    }
    if let Some(admin) = admin {
        admin.stop().await;
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

    /// Requests `/` and returns the response, which has no body.
    async fn ask(connection: &mut TcpStream) -> String {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn draining_process_accepts_connections_and_responds_once_on_each() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, stop) = (Health::always(), CancellationToken::new());
        let config = Example::parse_from(["example", "--drain-delay-ms", "60000"]);
        let (shared, stopped) = (health.clone(), stop.clone());
        let serving = tokio::spawn(async move {
            let router = Router::new().route("/", get(|| async {}));
            serve(listener, router, shared, &config.server, stopped).await;
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
