//! A request's body, whole and within the limit before anything is done with it.
//!
//! Bodies of the fleet are small. With the body at hand, a client that is slow, breaks off or sends too much is
//! answered here: it takes no place from those that are served, no handler sees half a request, and a failed forward
//! is never the client's doing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use futures_util::StreamExt;
use http::header::EXPECT;
use http::{HeaderMap, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::api::BODY_LIMIT_BYTES;
use crate::extract::too_large;
use crate::overload::{Shed, overloaded};
use crate::problem::Problem;

/// Memory for the bodies of all requests at once.
const MEMORY_KIB: usize = 64 * 1024;
/// Most that is read of a refused body, and for how long.
const DISCARD_LIMIT_BYTES: usize = 16 * BODY_LIMIT_BYTES;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the bodies of one process.
#[derive(Debug)]
pub struct Bodies {
    /// Longest a client may take to send a body.
    read_timeout: Duration,
    /// In KiB.
    memory: Arc<Semaphore>,
}

/// The memory that is set aside for a body.
#[derive(Debug, Default)]
pub struct Memory(Option<OwnedSemaphorePermit>);

enum Unread {
    TooLarge,
    NoMemory,
    BrokenOff(axum::Error),
}

impl Bodies {
    pub fn new(read_timeout: Duration) -> Self {
        Self { read_timeout, memory: Arc::new(Semaphore::new(MEMORY_KIB)) }
    }

    /// Reads `body` to its end.
    ///
    /// # Errors
    ///
    /// 413 over the limit, 400 when the client breaks off, 408 when it takes too long, 503 when the bodies of too many
    /// requests are in memory.
    pub async fn read(&self, headers: &HeaderMap, body: Body) -> Result<(Bytes, Memory), Problem> {
        if body.is_end_stream() {
            return Ok(Default::default());
        }
        let declared = body.size_hint().lower();
        let mut chunks = body.into_data_stream();
        let problem = if usize::try_from(declared).is_ok_and(|declared| declared <= BODY_LIMIT_BYTES) {
            match timeout(self.read_timeout, self.within_limits(&mut chunks)).await {
                Ok(Ok(body)) => return Ok(body),
                Ok(Err(Unread::TooLarge)) => too_large(),
                Ok(Err(Unread::NoMemory)) => overloaded(Shed::NoMemory),
                Ok(Err(Unread::BrokenOff(error))) => return Err(broken_off(error)),
                Err(_) => return Err(self.too_slow()),
            }
        } else {
            too_large()
        };
        // A client that asked first has not begun to send.
        if !headers.contains_key(EXPECT) {
            discard(&mut chunks).await;
        }
        Err(problem)
    }

    async fn within_limits(&self, chunks: &mut BodyDataStream) -> Result<(Bytes, Memory), Unread> {
        let mut memory = Memory::default();
        let mut whole = Bytes::new();
        let mut joined = Vec::new();
        while let Some(chunk) = chunks.next().await.transpose().map_err(Unread::BrokenOff)? {
            let so_far = whole.len() + joined.len();
            if so_far + chunk.len() > BODY_LIMIT_BYTES {
                return Err(Unread::TooLarge);
            }
            memory.grow(&self.memory, chunk.len())?;
            // Nearly all are one chunk, which need not be copied.
            if so_far == 0 {
                whole = chunk;
            } else {
                joined.extend_from_slice(&std::mem::take(&mut whole));
                joined.extend_from_slice(&chunk);
            }
        }
        if !joined.is_empty() {
            whole = joined.into();
        }
        Ok((whole, memory))
    }

    fn too_slow(&self) -> Problem {
        let detail = format!("The body was not complete within {} ms.", self.read_timeout.as_millis());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", detail)
    }
}

impl Memory {
    fn grow(&mut self, all: &Arc<Semaphore>, bytes: usize) -> Result<(), Unread> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_err(|_| Unread::TooLarge)?;
        let more = all.clone().try_acquire_many_owned(kib).map_err(|_| Unread::NoMemory)?;
        match &mut self.0 {
            Some(memory) => memory.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// Reads on without keeping anything: a connection closed while its client still sends is reset, and the answer
/// lost with it.
async fn discard(chunks: &mut BodyDataStream) {
    let mut discarded = 0;
    let discarding = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            discarded += chunk.len();
            if discarded > DISCARD_LIMIT_BYTES {
                break;
            }
        }
    };
    // Whoever still sends after that may lose the answer.
    let _ = timeout(DISCARD_TIMEOUT, discarding).await;
}

fn broken_off(error: axum::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body ended before it was complete.")
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn bodies() -> Bodies {
        Bodies::new(Duration::from_secs(60))
    }

    fn in_chunks(chunks: &[&'static str]) -> Body {
        let chunks: Vec<_> = chunks.iter().copied().map(Ok::<_, std::io::Error>).collect();
        Body::from_stream(stream::iter(chunks))
    }

    #[tokio::test]
    async fn chunks_are_joined_in_their_order() {
        for chunks in [&[][..], &["a"], &["a", "b"], &["", "a", "", "b", "c"]] {
            let (whole, _) = bodies().read(&HeaderMap::new(), in_chunks(chunks)).await.unwrap();
            assert_eq!(whole, chunks.concat());
        }
    }

    #[tokio::test]
    async fn memory_is_kept_for_a_body_until_it_is_dropped() {
        let bodies = bodies();
        let body = || Body::from(vec![b' '; 3 * 1024]);
        let (_, memory) = bodies.read(&HeaderMap::new(), body()).await.unwrap();
        assert_eq!(bodies.memory.available_permits(), MEMORY_KIB - 3);
        let rest = bodies.memory.clone().try_acquire_many_owned(65_533).unwrap();
        assert!(bodies.read(&HeaderMap::new(), body()).await.is_err());
        drop(memory);
        let (whole, _) = bodies.read(&HeaderMap::new(), body()).await.unwrap();
        assert_eq!(whole.len(), 3 * 1024);
        drop(rest);
        assert_eq!(bodies.memory.available_permits(), MEMORY_KIB);
    }
}
