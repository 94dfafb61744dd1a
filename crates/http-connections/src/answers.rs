//! What the loop needs to know about a process.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use tokio::runtime::Handle;
use tower_service::Service as _;

/// Maximum size of the buffer of a connection.
pub(crate) const BUFFER_LIMIT_BYTES: usize = 64 * 1024;

/// How large the head of a request may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    pub bytes: usize,
    /// `None` is hyper's default of 100, which is faster than any explicit number.
    pub headers: Option<usize>,
}

impl HeadLimits {
    /// For the process that clients talk to.
    pub const CLIENTS: Self = Self { bytes: 16 * 1024, headers: None };
    /// For a process behind that one. A head that the first process accepts fits here too: a proxy repeats
    /// the client's host in another header, and adds a few short ones.
    pub const BEHIND_A_PROXY: Self = Self { bytes: 40 * 1024, headers: Some(128) };
}

// The largest host repeated, and room for the headers that a proxy adds.
const _: () = assert!(HeadLimits::BEHIND_A_PROXY.bytes >= 2 * HeadLimits::CLIENTS.bytes + 4 * 1024);
const _: () = assert!(HeadLimits::BEHIND_A_PROXY.bytes <= BUFFER_LIMIT_BYTES);

/// Answers the requests of a process, behind a door of type `D`: what the process admits a request through.
pub trait Answers<D>: Send + Sync + 'static {
    /// Answers a `request` of `peer`. A request that counts for the limits of the process passes the `door`
    /// first.
    fn answer(
        self: Arc<Self>,
        request: Request,
        peer: SocketAddr,
        door: Arc<D>,
    ) -> impl Future<Output = Response> + Send;

    /// The runtime for the next connection.
    fn home(&self) -> Handle {
        Handle::current()
    }

    /// How large a head may be.
    fn heads(&self) -> HeadLimits {
        HeadLimits::BEHIND_A_PROXY
    }
}

/// A router finds the peer and the door in the extensions of the request.
impl<D: Send + Sync + 'static> Answers<D> for Router {
    async fn answer(self: Arc<Self>, mut request: Request, peer: SocketAddr, door: Arc<D>) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(door);
        let Ok(response) = Router::clone(&self).call(request).await;
        response
    }
}
