//! The bytes of the upstream's answers.

use crate::exchange::{After, Exchange, Form, When};
use crate::plan::Planned;

/// Returns an unsolicited answer. Its status is an error, so a client may get it.
pub fn unasked(connection: usize) -> String {
    format!(
        "HTTP/1.1 408 Request Timeout\r\nx-mark: {connection}.unasked\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
}

/// Returns the answer to a gateway's own request.
pub fn own(mark: &str, has_body: bool) -> String {
    let body = r#"{"status":"UP"}"#;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-mark: {mark}\r\nx-nonce: own\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    head + if has_body { body } else { "" }
}

/// Returns the answer to `planned`, as far as it is sent.
pub fn answer(planned: &Planned, mark: &str) -> Vec<u8> {
    let exchange = &planned.exchange;
    let mut bytes = Vec::new();
    for at in 0..exchange.interim {
        let status = ["100 Continue", "103 Early Hints", "102 Processing"][at % 3];
        bytes.extend(format!("HTTP/1.1 {status}\r\nlink: </a>\r\n\r\n").into_bytes());
    }
    bytes.extend(head(planned, mark).into_bytes());
    if exchange.answer_has_body() {
        let body = planned.answer_body();
        match exchange.form {
            Form::Chunked | Form::Both => chunked(&mut bytes, &body, planned.index.is_multiple_of(3)),
            Form::Cut => bytes.extend(&body[..body.len() / 2]),
            _ => bytes.extend(body),
        }
    }
    if exchange.after == After::Extra {
        let extra = "HTTP/1.1 200 OK\r\nx-mark: extra\r\nx-nonce: extra\r\ncontent-length: 0\r\n\r\n";
        bytes.extend(extra.as_bytes());
    }
    bytes
}

fn head(planned: &Planned, mark: &str) -> String {
    let Exchange { form, answer: length, .. } = planned.exchange;
    let nonce = &planned.nonce;
    let (status, framing) = match form {
        Form::NoContent => ("1.1 204 No Content", String::new()),
        Form::NotModified => ("1.1 304 Not Modified", format!("content-length: {length}\r\n")),
        Form::Chunked => ("1.1 200 OK", "transfer-encoding: chunked\r\n".to_owned()),
        Form::Both => {
            let wrong = length + 7;
            ("1.1 200 OK", format!("transfer-encoding: chunked\r\ncontent-length: {wrong}\r\n"))
        }
        Form::Twice => ("1.1 200 OK", format!("content-length: {length}\r\n").repeat(2)),
        Form::Old => ("1.0 200 OK", format!("connection: keep-alive\r\ncontent-length: {length}\r\n")),
        Form::Close => ("1.1 200 OK", String::new()),
        Form::Switch => ("1.1 101 Switching Protocols", "connection: upgrade\r\nupgrade: x\r\n".to_owned()),
        _ => ("1.1 200 OK", format!("content-length: {length}\r\n")),
    };
    let says_close = matches!(planned.exchange.after, After::SayClose | After::SayOnly);
    let close = if says_close { "connection: close\r\n" } else { "" };
    format!("HTTP/{status}\r\nx-mark: {mark}\r\nx-nonce: {nonce}\r\n{framing}{close}\r\n")
}

fn chunked(bytes: &mut Vec<u8>, body: &[u8], has_trailer: bool) {
    let mut rest = body;
    let mut size = 1;
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
        rest = left;
        size = size * 3 + 1;
    }
    bytes.extend(if has_trailer { &b"0\r\nx-trailer: 1\r\n\r\n"[..] } else { &b"0\r\n\r\n"[..] });
}

/// Returns how many bytes of a request's body are read before the answer.
pub fn read_before(exchange: &Exchange) -> usize {
    match exchange.when {
        When::Head => 0,
        When::Middle => exchange.body / 2,
        When::Whole => exchange.body,
    }
}

/// Returns the reason why no other request may follow on the connection after the answer, if any.
pub fn end_reason(exchange: &Exchange) -> Option<&'static str> {
    match (exchange.form, exchange.after) {
        (_, After::SayOnly | After::SayClose) => Some("an answer with `Connection: close`"),
        (Form::Both, _) => Some("an answer with two framings"),
        (Form::Twice, _) => Some("an answer with two lengths"),
        (Form::Old, _) => Some("an answer in HTTP/1.0"),
        (Form::Switch, _) => Some("a switch of protocols"),
        _ => None,
    }
}
