//! A client connection without a pool.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::yield_now;

use crate::exchange::Method;
use crate::judge::{Answer, AnswerBody};
use crate::reader::{Fault, Head, Reader};

/// Maximum number of 1xx answers before the final one.
const INTERIM_MAX: usize = 16;

/// A connection on which a test controls every byte.
pub struct RawClient {
    reader: Reader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The connection ended before the answer, or in its head.
    Closed,
    /// The bytes are not an answer.
    Nonsense(String),
}

/// An answer whose body has not been read.
pub struct Begun {
    pub answer: Answer,
    /// Whether the connection ends after it.
    pub closes: bool,
    framing: Framing,
}

enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

impl RawClient {
    pub async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Self { reader: Reader::new(reader), writer })
    }

    /// Writes `bytes` in `writes` parts.
    pub async fn write(&mut self, bytes: &[u8], writes: usize) -> std::io::Result<()> {
        for part in bytes.chunks(bytes.len().div_ceil(writes.max(1)).max(1)) {
            self.writer.write_all(part).await?;
            if writes > 1 {
                yield_now().await;
            }
        }
        Ok(())
    }

    /// Closes the sending direction.
    pub async fn end(&mut self) {
        let _ = self.writer.shutdown().await;
    }

    /// Reads the head of the answer to a request with `method`.
    pub async fn begin(&mut self, method: Method) -> Result<Begun, NoAnswer> {
        for _ in 0..=INTERIM_MAX {
            let head = match self.reader.head().await {
                Ok(Some(head)) => head,
                Ok(None) | Err(Fault::Broken(_)) => return Err(NoAnswer::Closed),
                Err(Fault::Syntax(what)) => return Err(NoAnswer::Nonsense(what)),
            };
            let begun =
                begun(&head, method).map_err(|what| NoAnswer::Nonsense(format!("{what}, in {head:?}")))?;
            if begun.answer.status >= 200 {
                return Ok(begun);
            }
        }
        Err(NoAnswer::Nonsense("interim answers without an end".to_owned()))
    }

    /// Reads the body of the answer.
    pub async fn finish(&mut self, begun: Begun) -> Result<Begun, NoAnswer> {
        let body = match begun.framing {
            Framing::None => Ok(Vec::new()),
            Framing::Length(length) => self.reader.exact(length).await,
            Framing::Chunked => self.reader.chunked().await,
            Framing::Close => self.reader.to_end().await,
        };
        let body = match body {
            Ok(body) => AnswerBody::Whole(body),
            Err(Fault::Broken(_)) => AnswerBody::Broken,
            Err(Fault::Syntax(what)) => return Err(NoAnswer::Nonsense(what)),
        };
        let closes = begun.closes || matches!(body, AnswerBody::Broken);
        Ok(Begun { answer: Answer { body, ..begun.answer }, closes, framing: Framing::None })
    }
}

fn begun(head: &Head, method: Method) -> Result<Begun, String> {
    let status = head.line.strip_prefix("HTTP/1.").and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or("no status line")?;
    let is_old = head.line.starts_with("HTTP/1.0");
    let lengths: Vec<_> = head.all("content-length").collect();
    let codings: Vec<_> = head.all("transfer-encoding").collect();
    let has_no_body = method == Method::Head || status < 200 || matches!(status, 204 | 304);
    let framing = match (&codings[..], &lengths[..]) {
        _ if has_no_body => Framing::None,
        (["chunked"], []) if !is_old => Framing::Chunked,
        ([], [length]) => Framing::Length(length.parse().map_err(|_| "no length".to_owned())?),
        ([], []) => Framing::Close,
        _ => return Err("two framings".to_owned()),
    };
    // After such an answer, no other request may follow on the connection.
    let is_doubtful = codings.len() + lengths.len() > 1;
    let says_close = head.all("connection").any(|options| options.eq_ignore_ascii_case("close"));
    let answer = Answer {
        status,
        mark: head.get("x-mark").map(str::to_owned),
        nonce: head.get("x-nonce").map(str::to_owned),
        body: AnswerBody::Unread,
    };
    Ok(Begun {
        answer,
        closes: says_close || is_old || is_doubtful || matches!(framing, Framing::Close),
        framing,
    })
}
