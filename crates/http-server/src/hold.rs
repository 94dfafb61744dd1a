//! Holds back requests that change something while a backup is taken.
//!
//! A process of `marquee up` serves a control socket in the data directory. While a connection to it has said `hold`, new
//! requests wait at the door: for [`WAIT`], then they get 503 with `Retry-After`. Requests that run already finish, and the
//! socket answers `held` once none is left. The end of the connection, or [`HOLD_MAX`], opens the door again, so a backup that
//! is killed holds up nobody.

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

/// Longest a request waits at a closed door.
pub const WAIT: Duration = Duration::from_secs(2);
/// Longest the door stays closed for one connection.
pub const HOLD_MAX: Duration = Duration::from_secs(60);
/// What a connection says to close the door, and the answer once it is closed and nothing runs behind it.
pub const HOLD: &str = "hold\n";
pub const HELD: &str = "held\n";
/// Longest wait for what a connection says. Connections are served one after the other, so a silent one must not stay.
pub const SAY_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that are read of a connection at most.
const REQUEST_MAX: u64 = 64;
/// When a request that waited in vain may come again.
const RETRY_AFTER_SECONDS: u64 = 2;
/// The pause after an error of the socket, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The socket's owner alone may use it.
const SOCKET_MODE: u32 = 0o600;

/// The door for requests that change something; clones are the same door.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<RwLock<()>>);

/// A request that has passed the door, until it ends.
#[derive(Debug)]
pub struct Passage {
    _guard: OwnedRwLockReadGuard<()>,
}

impl Gate {
    /// Waits until the door is open. Requests that only read pass at any time, and need no passage.
    ///
    /// # Errors
    ///
    /// 503 when the door stays closed for [`WAIT`].
    pub async fn pass(&self, method: &Method) -> Result<Option<Passage>, Problem> {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(None);
        }
        match timeout(WAIT, self.0.clone().read_owned()).await {
            Ok(guard) => Ok(Some(Passage { _guard: guard })),
            Err(_) => Err(held_back()),
        }
    }
}

/// 503: nothing was done.
fn held_back() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "A backup is being taken. Nothing was done; the same request may be sent again.",
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
    /// Makes the socket, in the place of one that a crashed process left.
    ///
    /// # Errors
    ///
    /// When that is not possible; the path of a socket has about 100 bytes at most.
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
                        tracing::warn!("cannot accept a connection to the control socket: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! { () = serving => {}, () = stop.cancelled() => {} }
        let _ = fs::remove_file(&self.path);
    }
}

/// Keeps the door closed for one connection.
async fn hold(stream: UnixStream, gate: &Gate) {
    let (reader, mut writer) = stream.into_split();
    let holding = async {
        let mut reader = BufReader::new(reader.take(REQUEST_MAX));
        let mut line = String::new();
        let said = timeout(SAY_TIMEOUT, reader.read_line(&mut line)).await;
        if !matches!(said, Ok(Ok(_))) || line != HOLD {
            return;
        }
        let mut reader = reader.into_inner().into_inner();
        // New requests queue behind the writer; it has the lock when those that run have ended.
        let _closed = tokio::select! {
            closed = gate.0.write() => closed,
            () = end_of(&mut reader) => return,
        };
        if writer.write_all(HELD.as_bytes()).await.is_err() {
            return;
        }
        tracing::info!("a backup holds back requests that change something");
        end_of(&mut reader).await;
    };
    match timeout(HOLD_MAX, holding).await {
        Ok(()) => tracing::info!("requests are let in again"),
        Err(_) => tracing::warn!("requests are let in again: they were held back for {HOLD_MAX:?}"),
    }
}

/// Returns when the other side has closed the connection.
async fn end_of(reader: &mut OwnedReadHalf) {
    let mut ignored = [0; 16];
    while reader.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
}
