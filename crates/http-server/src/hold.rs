//! Holds requests that change something while a backup is taken.
//!
//! A process of `marquee up` serves a control socket in the data directory. Once a client of the socket sends
//! `hold`, new requests wait at the gate for [`WAIT`], and then get 503 with `Retry-After`. Running requests
//! finish, and the socket responds `held` when none is left. The end of the connection, or [`HOLD_MAX`],
//! opens the gate again, so that a backup that is killed blocks nothing.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use http_api::problem::Problem;

/// Maximum time a request waits at a closed gate.
pub const WAIT: Duration = Duration::from_secs(2);
/// Maximum time the gate stays closed for one connection.
pub const HOLD_MAX: Duration = Duration::from_secs(60);
/// The line that closes the gate, and the response once it is closed and nothing runs behind it.
pub const HOLD: &str = "hold\n";
pub const HELD: &str = "held\n";
/// Maximum wait for the line of a connection. Connections are served one after the other, so a silent one
/// must not stay.
pub const LINE_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum length of a line that is read.
const LINE_MAX_BYTES: u64 = 64;
/// After how many seconds a request that was held too long may be sent again.
const RETRY_AFTER_SECONDS: u64 = 2;
/// The pause after an error of the socket, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Only the owner may use the socket.
const SOCKET_MODE: u32 = 0o600;

/// The gate for requests that change something. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<RwLock<()>>);

/// A request that has passed the gate, until this is dropped.
#[derive(Debug)]
pub struct Passage {
    _guard: OwnedRwLockReadGuard<()>,
}

impl Gate {
    /// Waits until the gate is open. Requests that only read pass at any time, and need no passage.
    ///
    /// # Errors
    ///
    /// 503 when the gate stays closed for [`WAIT`].
    pub async fn pass(&self, method: &Method) -> Result<Option<Passage>, Problem> {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(None);
        }
        match timeout(WAIT, self.0.clone().read_owned()).await {
            Ok(guard) => Ok(Some(Passage { _guard: guard })),
            Err(_) => Err(held_too_long()),
        }
    }
}

/// 503: nothing was done.
fn held_too_long() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "A backup is being taken. The request was not processed; send it again later.",
    )
    .retry_after(RETRY_AFTER_SECONDS)
}

/// The control socket of a process.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Creates the socket. It replaces one that a crashed process left behind.
    ///
    /// # Errors
    ///
    /// When the system refuses. The path of a socket has at most about 100 bytes.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves one connection after the other until `stop`.
    pub async fn serve(self, gate: Gate, stop: CancellationToken) {
        let serving = async {
            loop {
                match self.listener.accept().await {
                    Ok((stream, _)) => hold(stream, &gate).await,
                    Err(error) => {
                        tracing::warn!(cause = %error, "cannot accept a connection to the control socket");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! { () = serving => {}, () = stop.cancelled() => {} }
        let _ = fs::remove_file(&self.path);
    }
}

/// Keeps the gate closed for one connection.
async fn hold(stream: UnixStream, gate: &Gate) {
    let (reader, mut writer) = stream.into_split();
    let holding = async {
        let mut reader = BufReader::new(reader.take(LINE_MAX_BYTES));
        let mut line = String::new();
        let read = timeout(LINE_TIMEOUT, reader.read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(_))) || line != HOLD {
            return;
        }
        let mut reader = reader.into_inner().into_inner();
        // New requests queue behind the writer, which gets the lock when the running requests have ended.
        let _closed = tokio::select! {
            closed = gate.0.write() => closed,
            () = end_of(&mut reader) => return,
        };
        if writer.write_all(HELD.as_bytes()).await.is_err() {
            return;
        }
        tracing::info!("requests that change something are held for a backup");
        end_of(&mut reader).await;
    };
    match timeout(HOLD_MAX, holding).await {
        Ok(()) => tracing::info!("requests are no longer held"),
        Err(_) => tracing::warn!(
            held_seconds = HOLD_MAX.as_secs(),
            "requests are no longer held: the backup held them for too long"
        ),
    }
}

/// Waits until the client closes the connection.
async fn end_of(reader: &mut OwnedReadHalf) {
    let mut ignored = [0; 16];
    while reader.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
