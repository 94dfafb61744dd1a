//! Arbitrary bytes as the answer of an upstream to `http_pool`.
//!
//! Each input is one connection: a byte of flags, a byte with the start of the second write, and the bytes
//! that the upstream writes after it has read a request. Then a second request is sent, to check whether the
//! connection was kept.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fuzz::choices::Choices;
use fuzz::strict::{self, Answer, End, Read};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use http_pool::{Outgoing, Pool};
use libfuzzer_sys::fuzz_target;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};

/// Ends a run that would otherwise hang.
const HANG: Duration = Duration::from_secs(10);
/// Number of turns of the event loop after which all written bytes have arrived.
const SETTLED_TURNS: usize = 12;
/// Maximum number of fields of a head that hyper reads.
const FIELDS_MAX: usize = 100;
/// The answer to the second request.
const OWN: &str = "own-4711";

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let case = Case::read(data);
    // Retried, because bytes may arrive late on a loaded machine, and the pool then returns an error instead
    // of the answer.
    let is_answered = (0..3).any(|_| runtime.block_on(check(&case)));
    assert!(is_answered, "an answer without a doubt is passed on");
});

struct Case<'d> {
    method: Method,
    /// Whether the upstream closes its sending direction after the bytes.
    closes: bool,
    writes: [&'d [u8]; 2],
    all: &'d [u8],
}

impl<'d> Case<'d> {
    fn read(data: &'d [u8]) -> Self {
        let mut choices = Choices::new(data);
        let flags = choices.byte();
        let split = usize::from(choices.byte());
        let all = choices.rest();
        let (first, second) = all.split_at(all.len() * split / 255);
        let method = [Method::GET, Method::HEAD, Method::POST, Method::GET][usize::from(flags & 3)].clone();
        Self { method, closes: flags & 4 != 0, writes: [first, second], all }
    }
}

/// The result for a client.
#[derive(Debug)]
struct Got {
    status: u16,
    body: Vec<u8>,
    is_whole: bool,
}

/// Returns whether the first request got the answer that the strict parser reads.
async fn check(case: &Case<'_>) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let pool = Arc::new(Pool::new(address.clone(), HeaderValue::try_from(address).unwrap()));
    let first = send(&pool, request(&case.method));
    let mut connection = accept(&listener).await;
    assert!(next_request(&mut connection).await.is_some(), "the request comes");
    for part in case.writes {
        // The pool may have closed by now.
        let _ = connection.write_all(part).await;
        settle().await;
    }
    if case.closes || !first.is_finished() {
        let _ = connection.shutdown().await;
    }
    let got = timeout(HANG, first).await.expect("the pool ends what the upstream has ended").unwrap();
    let is_kept = second(&pool, &listener, &mut connection).await;
    judge(case, got, is_kept)
}

/// Sends another request, checks that it gets its own answer, and returns whether it came on `connection`.
async fn second(pool: &Arc<Pool>, listener: &TcpListener, connection: &mut TcpStream) -> bool {
    let sending = send(pool, request(&Method::GET));
    let (is_kept, mut other) = tokio::select! {
        biased;
        head = next_request(connection) => (head.is_some(), None),
        other = accept(listener) => (false, Some(other)),
    };
    let connection = match is_kept {
        true => connection,
        false => {
            let mut accepted = match other.take() {
                Some(accepted) => accepted,
                None => accept(listener).await,
            };
            assert!(next_request(&mut accepted).await.is_some(), "the next request comes");
            other.insert(accepted)
        }
    };
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{OWN}", OWN.len());
    connection.write_all(answer.as_bytes()).await.expect("the pool waits for the second answer");
    let got = timeout(HANG, sending).await.expect("the second request ends").unwrap();
    let got = got.expect("the second request has an answer");
    assert_eq!(
        (got.status, got.body.as_slice(), got.is_whole),
        (200, OWN.as_bytes(), true),
        "the second answer"
    );
    is_kept
}

fn judge(case: &Case<'_>, got: Result<Got, String>, is_kept: bool) -> bool {
    let answer = match strict::answer(case.all, case.method == Method::HEAD) {
        Read::Whole(answer) => answer,
        Read::Partial => {
            assert!(got.is_err(), "{got:?} of a head without an end");
            assert!(!is_kept, "kept after a head without an end");
            return true;
        }
        Read::Nonsense(what) => {
            assert!(!is_kept, "kept after {what}: {got:?}");
            return true;
        }
    };
    let is_over = answer.end == End::At(case.all.len());
    assert!(!is_kept || is_over && !answer.is_last && !case.closes, "kept after {answer:?}");
    match got {
        Ok(got) => {
            judge_body(&answer, &got);
            // The body must not be truncated where the strict parser finds its end.
            got.is_whole || !is_certain(&answer)
        }
        Err(_) => !is_certain(&answer),
    }
}

fn judge_body(answer: &Answer, got: &Got) {
    assert_eq!(got.status, answer.status);
    let is_same = match answer.end {
        End::At(_) | End::Connection if got.is_whole => got.body == answer.body,
        End::Later | End::Nowhere(_) if got.is_whole => false,
        _ => answer.body.starts_with(&got.body),
    };
    assert!(is_same, "{got:?} of {answer:?}");
}

/// Whether every client must be able to read the answer.
fn is_certain(answer: &Answer) -> bool {
    !answer.is_last && answer.fields <= FIELDS_MAX && matches!(answer.end, End::At(_))
}

fn request(method: &Method) -> Outgoing {
    let body = if *method == Method::POST { Bytes::from_static(b"{\"qty\": 1}") } else { Bytes::new() };
    Request::builder().method(method.clone()).uri("/books").body(Full::new(body)).unwrap()
}

fn send(pool: &Arc<Pool>, request: Outgoing) -> JoinHandle<Result<Got, String>> {
    let pool = pool.clone();
    tokio::spawn(async move {
        let answer = pool.send(request, Instant::now() + HANG).await.map_err(|error| error.to_string())?;
        let (head, mut body) = answer.into_parts();
        let mut got = Got { status: head.status.as_u16(), body: Vec::new(), is_whole: true };
        while let Some(frame) = body.frame().await {
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => got.body.extend(data),
                Ok(Err(_trailers)) => {}
                Err(_) => {
                    got.is_whole = false;
                    break;
                }
            }
        }
        Ok(got)
    })
}

async fn accept(listener: &TcpListener) -> TcpStream {
    let (connection, _) = timeout(HANG, listener.accept()).await.expect("the pool connects").unwrap();
    // A reset leaves no port in TIME_WAIT.
    SockRef::from(&connection).set_linger(Some(Duration::ZERO)).unwrap();
    connection
}

/// Reads a request to its end. Returns `None` if the pool closes the connection.
async fn next_request(connection: &mut TcpStream) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        if let Read::Whole(head) = strict::head(&bytes) {
            let length = head.all("content-length").next().map_or(0, |length| {
                std::str::from_utf8(length).unwrap().parse().expect("the pool writes a number")
            });
            if bytes.len() >= head.end + length {
                assert_eq!(bytes.len(), head.end + length, "one request at a time");
                return Some(());
            }
        }
        let read = timeout(HANG, connection.read_buf(&mut bytes)).await.expect("the pool writes or closes");
        if !matches!(read, Ok(1..)) {
            return None;
        }
    }
}

async fn settle() {
    for _ in 0..SETTLED_TURNS {
        yield_now().await;
    }
}
