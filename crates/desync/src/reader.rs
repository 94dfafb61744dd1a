//! The strict parser: it accepts only unambiguous messages.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Maximum size of the head of a message.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Maximum size of the body of a message.
const BODY_MAX_BYTES: usize = 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;

/// Why a message could not be read.
#[derive(Debug)]
pub enum Fault {
    /// The other end closed or reset the connection within the message. Contains the bytes that came.
    Broken(Vec<u8>),
    Syntax(String),
}

/// The head of a message.
#[derive(Debug)]
pub struct Head {
    pub line: String,
    /// Names in lower case.
    pub fields: Vec<(String, String)>,
}

impl Head {
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

/// Reads messages from one end of a connection.
#[derive(Debug)]
pub struct Reader<R> {
    io: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(io: R) -> Self {
        Self { io, buffer: Vec::new() }
    }

    /// Returns the bytes that have come and belong to no message yet.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads more bytes. Returns `false` at the end of the stream.
    pub async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ_BYTES);
        Ok(self.io.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads a head, or returns `None` at the end of the connection.
    pub async fn head(&mut self) -> Result<Option<Head>, Fault> {
        let mut searched = 0;
        let end = loop {
            if let Some(at) = find(&self.buffer[searched..], b"\r\n\r\n") {
                break searched + at;
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > HEAD_MAX_BYTES {
                return Err(Fault::Syntax("a head without an end".to_owned()));
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) if self.buffer.is_empty() => return Ok(None),
                Ok(false) | Err(_) => return Err(Fault::Broken(self.buffer.clone())),
            }
        };
        let bytes: Vec<u8> = self.buffer.drain(..end + 4).collect();
        parse_head(&bytes[..end]).map(Some).map_err(Fault::Syntax)
    }

    pub async fn exact(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        if length > BODY_MAX_BYTES {
            return Err(Fault::Syntax(format!("a length of {length}")));
        }
        while self.buffer.len() < length {
            if !matches!(self.fill().await, Ok(true)) {
                return Err(Fault::Broken(self.buffer.clone()));
            }
        }
        Ok(self.buffer.drain(..length).collect())
    }

    pub async fn to_end(&mut self) -> Result<Vec<u8>, Fault> {
        loop {
            match self.fill().await {
                Ok(true) if self.buffer.len() <= BODY_MAX_BYTES => {}
                Ok(true) => return Err(Fault::Syntax("a body without an end".to_owned())),
                Ok(false) => return Ok(std::mem::take(&mut self.buffer)),
                Err(_) => return Err(Fault::Broken(self.buffer.clone())),
            }
        }
    }

    pub async fn chunked(&mut self) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let size = self.line().await?;
            if size.is_empty() || size.len() > 8 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(Fault::Syntax(format!("a chunk of size {size:?}")));
            }
            let size = usize::from_str_radix(&size, 16).map_err(|error| Fault::Syntax(error.to_string()))?;
            if size == 0 {
                // Trailers, up to an empty line.
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len() + size > BODY_MAX_BYTES {
                return Err(Fault::Syntax("a body without an end".to_owned()));
            }
            body.extend(self.exact(size).await?);
            if !self.line().await?.is_empty() {
                return Err(Fault::Syntax("a chunk longer than its size".to_owned()));
            }
        }
    }

    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line)
                    .map_err(|_| Fault::Syntax("a line that is not UTF-8".to_owned()));
            }
            if self.buffer.len() > HEAD_MAX_BYTES {
                return Err(Fault::Syntax("a line without an end".to_owned()));
            }
            if !matches!(self.fill().await, Ok(true)) {
                return Err(Fault::Broken(self.buffer.clone()));
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn parse_head(bytes: &[u8]) -> Result<Head, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("not UTF-8: {}", bytes.escape_ascii()))?;
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    if let Some(bad) = text.replace("\r\n", "").chars().find(|letter| letter.is_control() && *letter != '\t')
    {
        return Err(format!("{bad:?} in a head: {text:?}"));
    }
    let mut fields = Vec::new();
    for field in lines {
        let (name, value) = field.split_once(':').ok_or_else(|| format!("not a field: {field:?}"))?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(format!("invalid name of a field: {field:?}"));
        }
        fields.push((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok(Head { line, fields })
}

pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_head_is_rejected() {
        for head in [
            "GET / HTTP/1.1\nhost: x",
            "GET / HTTP/1.1\r\nhost: x\rfoo: y",
            "GET / HTTP/1.1\r\nhost : x",
            "GET / HTTP/1.1\r\n folded: x",
            "GET / HTTP/1.1\r\nhost: x\r\n folded",
            "GET / HTTP/1.1\r\nno field",
            "GET / HTTP/1.1\r\n: x",
        ] {
            assert!(parse_head(head.as_bytes()).is_err(), "{head:?}");
        }
        let head = parse_head(b"GET / HTTP/1.1\r\nHost:  x \r\na: 1\r\na: 2").unwrap();
        assert_eq!((head.line.as_str(), head.get("host")), ("GET / HTTP/1.1", Some("x")));
        assert_eq!(head.all("a").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[tokio::test]
    async fn chunks_are_joined_and_a_wrong_size_is_an_error() {
        let mut reader = Reader::new(&b"3\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\nrest"[..]);
        assert_eq!(reader.chunked().await.unwrap(), b"abcde");
        assert_eq!(reader.rest(), b"rest");
        let mut reader = Reader::new(&b"2\r\nabc\r\n0\r\n\r\n"[..]);
        assert!(matches!(reader.chunked().await, Err(Fault::Syntax(_))));
        let mut reader = Reader::new(&b"3\r\nab"[..]);
        assert!(matches!(reader.chunked().await, Err(Fault::Broken(_))));
    }
}
