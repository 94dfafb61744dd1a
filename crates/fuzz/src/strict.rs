//! A parser for HTTP/1.1 messages (RFC 9112) that accepts only unambiguous ones.
//!
//! It shares no code with hyper, so that a leniency of hyper is not on both sides. A line of a head may end
//! with a bare LF: RFC 9112 (section 2.2) lets a recipient accept that as a line end, and it has no other
//! meaning there. The same holds for empty lines before a head.

/// The head of a message.
#[derive(Debug)]
pub struct Head {
    pub line: Vec<u8>,
    /// Names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Where the body begins.
    pub end: usize,
}

impl Head {
    pub fn all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        self.fields.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_slice())
    }
}

/// The result of parsing the first message in some bytes.
#[derive(Debug)]
pub enum Read<T> {
    Whole(T),
    /// The message continues after the last byte.
    Partial,
    Nonsense(&'static str),
}

/// Reads the head at the beginning of `bytes`.
pub fn head(bytes: &[u8]) -> Read<Head> {
    let (mut lines, mut at) = (Vec::new(), 0);
    loop {
        let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') else { return Read::Partial };
        let line = &bytes[at..at + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        at += length + 1;
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Read::Nonsense("a control character in a head");
        }
        match line.is_empty() {
            false => lines.push(line),
            true if lines.is_empty() => {}
            true => break,
        }
    }
    let fields = lines[1..].iter().map(|line| field(line));
    match fields.collect::<Option<Vec<_>>>() {
        Some(fields) => Read::Whole(Head { line: lines[0].to_vec(), fields, end: at }),
        None => Read::Nonsense("no field"),
    }
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_name = !name.is_empty() && name.iter().all(is_token);
    let name = is_name.then(|| std::str::from_utf8(name).ok()).flatten()?.to_ascii_lowercase();
    Some((name, value.trim_ascii().to_vec()))
}

/// A response, as far as its bytes have come.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: usize,
    /// The part of its body that has come.
    pub body: Vec<u8>,
    pub end: End,
    /// Whether two recipients may disagree about its end, or it ends the connection.
    pub is_last: bool,
}

/// Where a response ends.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Before the byte at this place.
    At(usize),
    /// With the connection.
    Connection,
    /// After the last byte.
    Later,
    /// At an unknown position, because the framing is invalid.
    Nowhere(&'static str),
}

enum Framing {
    None,
    Length(u64),
    Chunked,
    Connection,
    Unknown(&'static str),
}

/// Reads the final response to a request, after all interim responses.
pub fn answer(bytes: &[u8], is_head: bool) -> Read<Answer> {
    let mut at = 0;
    loop {
        let head = match head(&bytes[at..]) {
            Read::Whole(head) => head,
            Read::Partial => return Read::Partial,
            Read::Nonsense(what) => return Read::Nonsense(what),
        };
        let Some((is_old, status)) = status(&head.line) else { return Read::Nonsense("no status line") };
        at += head.end;
        if status == 101 || !(100..200).contains(&status) {
            return Read::Whole(with_body(bytes, at, &head, status, is_old, is_head));
        }
    }
}

/// Returns whether the version is HTTP/1.0, and the status.
fn status(line: &[u8]) -> Option<(bool, u16)> {
    let is_old = line.starts_with(b"HTTP/1.0 ");
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, reason) = rest.split_at_checked(3)?;
    let is_number = digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    let is_line = is_number && (reason.is_empty() || reason[0] == b' ');
    is_line.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten().map(|status| (is_old, status))
}

fn with_body(bytes: &[u8], begin: usize, head: &Head, status: u16, is_old: bool, is_head: bool) -> Answer {
    let has_no_body = is_head || matches!(status, 101 | 204 | 304);
    let lengths = head.all("content-length").flat_map(|length| length.split(|byte| *byte == b','));
    let lengths: Vec<_> = lengths.map(<[u8]>::trim_ascii).collect();
    let codings: Vec<_> = head.all("transfer-encoding").collect();
    let framing = match (&codings[..], &lengths[..]) {
        _ if has_no_body => Framing::None,
        ([], []) => Framing::Connection,
        // Equal lengths may count as one (RFC 9110, section 8.6).
        ([], [first, others @ ..]) if others.iter().all(|other| number(other, 10) == number(first, 10)) => {
            number(first, 10).map_or(Framing::Unknown("no length"), Framing::Length)
        }
        ([], _) => Framing::Unknown("two lengths"),
        ([coding], _) if coding.eq_ignore_ascii_case(b"chunked") && !is_old => Framing::Chunked,
        _ => Framing::Unknown("an unknown coding"),
    };
    let says_close = head.all("connection").flat_map(|options| options.split(|byte| *byte == b','));
    let says_close = says_close.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"close"));
    let is_doubtful = codings.len() + lengths.len() > 1
        || has_no_body && !codings.is_empty()
        || status == 101
        || status == 204 && !lengths.is_empty();
    let rest = &bytes[begin..];
    let mut has_trailers = false;
    let (body, end) = match framing {
        Framing::None => (Vec::new(), End::At(begin)),
        Framing::Connection => (rest.to_vec(), End::Connection),
        Framing::Unknown(what) => (Vec::new(), End::Nowhere(what)),
        Framing::Length(length) => {
            match usize::try_from(length).ok().filter(|length| *length <= rest.len()) {
                Some(length) => (rest[..length].to_vec(), End::At(begin + length)),
                None => (rest.to_vec(), End::Later),
            }
        }
        Framing::Chunked => chunked(bytes, begin, &mut has_trailers),
    };
    let is_last = is_old || says_close || is_doubtful || has_trailers;
    Answer { status, fields: head.fields.len(), body, end, is_last }
}

/// Parses a number without a sign and without blanks.
fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let is_number = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| u64::from_str_radix(text, radix).ok()).flatten()
}

/// Reads a body in chunks that begins at `at`.
///
/// A recipient that accepts a bare LF as a line end may find the end of trailers earlier, so trailers are
/// ambiguous.
fn chunked(bytes: &[u8], mut at: usize, has_trailers: &mut bool) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    loop {
        let Some(line) = line(&bytes[at..]) else { return (body, End::Later) };
        if line.contains(&b'\n') || line.contains(&b'\r') {
            return (body, End::Nowhere("the line of a chunk may end earlier"));
        }
        // An extension means nothing (RFC 9112, section 7.1.1). Blanks in front of it are allowed, and
        // ignored.
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let Some(size) = number(size.trim_ascii_end(), 16) else {
            return (body, End::Nowhere("no size of a chunk"));
        };
        at += line.len() + 2;
        if size == 0 {
            *has_trailers = !bytes[at..].starts_with(b"\r\n");
            return (body, trailers(bytes, at));
        }
        let rest = &bytes[at..];
        let Some(data) = usize::try_from(size).ok().and_then(|size| rest.get(..size)) else {
            body.extend(rest);
            return (body, End::Later);
        };
        body.extend(data);
        at += data.len();
        match &bytes[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return (body, End::Later),
            _ => return (body, End::Nowhere("a chunk that is longer than its size")),
        }
    }
}

/// Returns the end of the trailers that begin at `at`.
fn trailers(bytes: &[u8], mut at: usize) -> End {
    loop {
        let Some(line) = line(&bytes[at..]) else { return End::Later };
        at += line.len() + 2;
        if line.is_empty() {
            return End::At(at);
        }
    }
}

/// Returns the first line, which must end with CR LF.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some(&bytes[..end])
}
