//! Reads the whole body of a request before the request is processed.
//!
//! All bodies of the fleet are small. A client that is slow, disconnects or sends too much gets its response
//! here: its request occupies no place, no handler sees half a request, and a failed forward is never the
//! client's fault.
//!
//! Memory is limited in four ways: by route, by peer, for the whole process, and by the rate at which a body
//! arrives. When the memory of the process is used up, the slowest bodies are cut off; small bodies still
//! have a reserve.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use futures_util::StreamExt;
use http::header::{CONTENT_ENCODING, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use http_api::body_limit::{too_large, unsupported_media_type};
use http_api::peers::Exempt;
use http_api::problem::Problem;
use tokio::time::{Instant, timeout_at};

use crate::body::ledger::{Ledger, Refused, Shares};
use crate::shed::{Shed, overloaded};

mod ledger;

pub use ledger::Memory;

/// Memory for the bodies of all requests at once, and how it is divided.
const SHARES: Shares = Shares { total: 64 * 1024 * 1024, reserve: 8 * 1024 * 1024, peer: 8 * 1024 * 1024 };
/// Minimum average rate of a body after the grace time.
const MIN_BYTES_A_SECOND: u64 = 1024;
const GRACE: Duration = Duration::from_secs(5);
/// The first buffer of a body that arrives in pieces.
const FIRST_BUFFER_BYTES: usize = 1024;

/// Reads the bodies of one process.
#[derive(Debug)]
pub struct Bodies {
    /// Maximum time a client may take to send a body.
    read_timeout: Duration,
    exempt: Exempt,
    ledger: Arc<Ledger>,
}

#[derive(Debug)]
enum Unread {
    TooLarge,
    TooSlow,
    Refused(Refused),
    Disconnected(axum::Error),
}

impl Bodies {
    pub fn new(read_timeout: Duration, exempt: Exempt) -> Self {
        Self { read_timeout, exempt, ledger: Arc::new(Ledger::new(SHARES)) }
    }

    /// Returns the bytes that are currently charged for all bodies.
    pub fn held(&self) -> usize {
        self.ledger.used()
    }

    /// Reads the whole `body` of a request of `peer`, at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// 413 above the limit, 415 when it is encoded, 400 when the client disconnects, 408 when it takes too
    /// long, 503 when other bodies use up the memory.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        peer: IpAddr,
        limit: usize,
    ) -> Result<(Bytes, Memory), Problem> {
        if body.is_end_stream() {
            return Ok(Default::default());
        }
        if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !is_identity(coding.as_bytes())) {
            return Err(unsupported_media_type("The body must not be encoded: send no Content-Encoding."));
        }
        if has_other_transfer_coding(headers) {
            return Err(unsupported_media_type(
                "The body must not be encoded: chunked is the only Transfer-Encoding.",
            ));
        }
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large(limit));
        }
        let mut memory = self.ledger.begin(self.exempt.charged(peer));
        // Boxed, because most requests have no body, and the future of a request is as large as its largest
        // part.
        let whole = Box::pin(self.within_limits(body.into_data_stream(), &memory, limit)).await;
        let whole = whole.and_then(|whole| memory.complete().map(|()| whole).map_err(Unread::Refused));
        match whole {
            Ok(whole) => Ok((whole, memory)),
            Err(Unread::TooLarge) => Err(too_large(limit)),
            Err(Unread::TooSlow | Unread::Refused(Refused::Cut)) => Err(self.too_slow()),
            Err(Unread::Refused(Refused::NoMemory)) => Err(overloaded(Shed::NoMemory)),
            Err(Unread::Disconnected(error)) => Err(disconnected(error)),
        }
    }

    async fn within_limits(
        &self,
        mut chunks: BodyDataStream,
        memory: &Memory,
        limit: usize,
    ) -> Result<Bytes, Unread> {
        let began = Instant::now();
        let mut joined: Vec<u8> = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                () = memory.cut() => return Err(Unread::Refused(Refused::Cut)),
                next = timeout_at(began + self.patience(joined.len()), chunks.next()) => next,
            };
            let next = next.map_err(|_| Unread::TooSlow)?.transpose().map_err(Unread::Disconnected)?;
            let Some(chunk) = next else { return Ok(joined.into()) };
            let length = joined.len() + chunk.len();
            if length > limit {
                return Err(Unread::TooLarge);
            }
            // Nearly all bodies arrive in one piece, which is not copied.
            if joined.is_empty() && chunks.is_end_stream() {
                memory.grow(length, length).map_err(Unread::Refused)?;
                return Ok(chunk);
            }
            if length > joined.capacity() {
                let capacity = length.max((2 * joined.capacity()).min(limit)).max(FIRST_BUFFER_BYTES);
                memory.grow(capacity, length).map_err(Unread::Refused)?;
                joined.reserve_exact(capacity - joined.len());
            }
            joined.extend_from_slice(&chunk);
        }
    }

    /// Returns how long after its beginning a body may take, once `received` bytes have arrived.
    fn patience(&self, received: usize) -> Duration {
        let at_least = Duration::from_millis(received as u64 * 1_000 / MIN_BYTES_A_SECOND);
        self.read_timeout.min(GRACE.max(at_least))
    }

    fn too_slow(&self) -> Problem {
        let detail = format!(
            "The body arrived too slowly: it may take at most {} ms, and after {} s its average rate must be at least \
             {MIN_BYTES_A_SECOND} bytes a second.",
            self.read_timeout.as_millis(),
            GRACE.as_secs(),
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", detail)
    }
}

/// Whether a `Content-Encoding` line changes nothing.
fn is_identity(codings: &[u8]) -> bool {
    codings.split(|byte| *byte == b',').all(|coding| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    })
}

/// Whether the transfer coding is anything but `chunked`. hyper checks only the last one of the list.
fn has_other_transfer_coding(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TRANSFER_ENCODING).iter();
    match (lines.next(), lines.next()) {
        (None, _) => false,
        (Some(coding), None) => !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => true,
    }
}

fn disconnected(error: axum::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body ended before it was complete.")
        .caused_by(error)
}

#[cfg(test)]
mod tests;
