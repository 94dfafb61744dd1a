//! The upstream, which answers as the exchanges specify and checks every byte that it receives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::timeout;

use crate::exchange::{After, Form, Method};
use crate::ledger::Ledger;
use crate::plan::{Plan, Planned};
use crate::reader::{Fault, Head, Reader, is_token};
use crate::script::{self, end_reason, read_before};

/// Maximum wait until unused connections end.
const END_TIMEOUT: Duration = Duration::from_secs(20);
/// Small, so that a large body does not fit into the kernel's buffers and is still being written during the
/// answer.
const RECEIVE_BUFFER_BYTES: u32 = 16 * 1024;
const BACKLOG: u32 = 1024;
/// Turns of the event loop before an unsolicited answer.
const UNASKED_TURNS: usize = 3;

/// The upstream.
pub struct Upstream {
    pub address: SocketAddr,
    pub ledger: Arc<Ledger>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Upstream {
    /// Serves `plan`. If it `greets`, some new connections get an answer before a request.
    pub fn start(plan: Arc<Plan>, greets: bool) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(BACKLOG).unwrap();
        let address = listener.local_addr().unwrap();
        let ledger = Ledger::new(plan);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(accept(listener, ledger.clone(), greets, stopped));
        Self { address, ledger, stop, serving }
    }

    /// Waits until all connections have ended. The subject must have closed its own.
    pub async fn finish(self) -> Arc<Ledger> {
        let _ = self.stop.send(());
        self.serving.await.unwrap();
        self.ledger
    }
}

async fn accept(
    listener: TcpListener,
    ledger: Arc<Ledger>,
    greets: bool,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut serving = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            Some(served) = serving.join_next() => {
                note(&ledger, served);
                continue;
            }
            _ = &mut stopped => break,
        };
        let number = ledger.connections.fetch_add(1, SeqCst);
        let greets = greets && number % 61 == 7;
        serving.spawn(connection(stream, number, ledger.clone(), greets));
    }
    drop(listener);
    let ending = async {
        while let Some(served) = serving.join_next().await {
            note(&ledger, served);
        }
    };
    if timeout(END_TIMEOUT, ending).await.is_err() {
        ledger.violation(format!("{} connections stay open", serving.len()));
    }
}

fn note(ledger: &Ledger, served: Result<Result<(), String>, tokio::task::JoinError>) {
    match served {
        Ok(Ok(())) => {}
        Ok(Err(violation)) => ledger.violation(violation),
        Err(panic) => ledger.violation(format!("the upstream itself failed: {panic}")),
    }
}

/// One connection.
struct Served {
    number: usize,
    ledger: Arc<Ledger>,
    reader: Reader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// The reason why no other request may follow, if any.
    over: Option<&'static str>,
}

/// Whether a connection continues.
#[derive(PartialEq)]
enum Goes {
    On,
    Ends,
}

/// A request.
enum Request {
    /// A request of the plan.
    Planned(Planned),
    /// A gateway's own request.
    Own { has_body: bool },
}

async fn connection(
    stream: TcpStream,
    number: usize,
    ledger: Arc<Ledger>,
    greets: bool,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let mut served = Served { number, ledger, reader: Reader::new(reader), writer, over: None };
    if greets {
        served.unasked().await;
        return Ok(());
    }
    for index in 0.. {
        if served.exchange(index).await.map_err(|what| format!("on connection {number}: {what}"))?
            == Goes::Ends
        {
            break;
        }
    }
    Ok(())
}

impl Served {
    async fn exchange(&mut self, index: usize) -> Result<Goes, String> {
        let head = match self.reader.head().await {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(Goes::Ends),
            Err(Fault::Broken(bytes)) => return begins_a_request(&bytes).map(|()| Goes::Ends),
            Err(Fault::Syntax(what)) => return Err(what),
        };
        let request = self.request(&head).map_err(|what| format!("{what}, in {head:?}"))?;
        if let Some(why) = self.over {
            return Err(format!("a request after {why}: {head:?}"));
        }
        let mark = format!("{}.{index}", self.number);
        match request {
            Request::Own { has_body } => {
                let answer = script::own(&mark, has_body);
                self.write(answer.as_bytes(), 1).await
            }
            Request::Planned(planned) => {
                self.ledger.head(planned.index, &mark);
                self.play(&planned, &mark).await
            }
        }
    }

    /// Identifies the request by its head.
    ///
    /// # Errors
    ///
    /// If no such request was sent.
    fn request(&self, head: &Head) -> Result<Request, String> {
        let [method, target, "HTTP/1.1"] = head.line.split(' ').collect::<Vec<_>>()[..] else {
            return Err("not a request line of HTTP/1.1".to_owned());
        };
        if method.is_empty() || !method.bytes().all(is_token) || !target.starts_with('/') {
            return Err("not a method, or not a target in origin form".to_owned());
        }
        if head.all("host").count() != 1 {
            return Err("not one `Host`".to_owned());
        }
        for name in [
            "transfer-encoding",
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "proxy-connection",
        ] {
            if head.get(name).is_some() {
                return Err(format!("`{name}` in a request"));
            }
        }
        let lengths: Vec<_> = head.all("content-length").collect();
        match target {
            "/readyz" if method == "GET" => Ok(Request::Own { has_body: true }),
            "/api-docs/openapi.json" if matches!(method, "GET" | "HEAD") => {
                self.ledger.documents.fetch_add(1, SeqCst);
                Ok(Request::Own { has_body: method == "GET" })
            }
            _ => self.planned(head, method, target, &lengths).map(Request::Planned),
        }
        .and_then(|request| match request {
            Request::Own { .. } if !lengths.is_empty() => {
                Err("a request of a gateway's own with a body".to_owned())
            }
            request => Ok(request),
        })
    }

    fn planned(&self, head: &Head, method: &str, target: &str, lengths: &[&str]) -> Result<Planned, String> {
        let nonce = target.strip_prefix("/books/").and_then(|rest| rest.split('/').next());
        let planned =
            nonce.and_then(|nonce| self.ledger.plan.find(nonce)).ok_or("a request that no client sent")?;
        let exchange = &planned.exchange;
        if planned.path() != target || exchange.method.text() != method {
            return Err(format!("another request than {exchange}"));
        }
        if head.all("x-nonce").ne([planned.nonce.as_str()]) {
            return Err("a header of another request".to_owned());
        }
        let expects_length =
            exchange.body > 0 || matches!(exchange.method, Method::Post | Method::Put | Method::Patch);
        let length = exchange.body.to_string();
        let expected: &[&str] = if expects_length { &[&length] } else { &[] };
        if lengths != expected {
            return Err(format!("lengths {lengths:?} instead of {expected:?}"));
        }
        Ok(planned)
    }

    async fn play(&mut self, planned: &Planned, mark: &str) -> Result<Goes, String> {
        let exchange = &planned.exchange;
        let body = planned.request_body();
        let (before, after) = body.split_at(read_before(exchange));
        if self.body(before).await? == Goes::Ends {
            return Ok(Goes::Ends);
        }
        if after.is_empty() {
            self.ledger.whole(planned.index);
            if !self.reader.rest().is_empty() {
                return Err(format!("bytes before the answer to {exchange}: {}", shown(self.reader.rest())));
            }
        }
        self.over = end_reason(exchange);
        match exchange.form {
            Form::Silent if self.body(after).await? == Goes::On => return self.wait_for_the_end().await,
            Form::Silent => return Ok(Goes::Ends),
            Form::HangUp => return Ok(Goes::Ends),
            Form::Reset => {
                let _ = self.writer.as_ref().set_zero_linger();
                return Ok(Goes::Ends);
            }
            Form::Garbage => {
                self.write(b"220 mail.example ESMTP\r\n", 1).await?;
                return Ok(Goes::Ends);
            }
            _ => {}
        }
        if self.write(&script::answer(planned, mark), exchange.pieces).await? == Goes::Ends
            || matches!(exchange.form, Form::Cut | Form::Close)
        {
            return Ok(Goes::Ends);
        }
        if self.afterwards(exchange.after).await? == Goes::Ends || self.body(after).await? == Goes::Ends {
            return Ok(Goes::Ends);
        }
        if !after.is_empty() {
            self.ledger.whole(planned.index);
        }
        Ok(Goes::On)
    }

    async fn afterwards(&mut self, after: After) -> Result<Goes, String> {
        if matches!(after, After::Close | After::HalfClose | After::Extra) {
            self.ledger.treacheries.fetch_add(1, SeqCst);
        }
        match after {
            After::Keep | After::SayOnly | After::Extra => Ok(Goes::On),
            After::SayClose | After::Close => Ok(Goes::Ends),
            After::HalfClose => {
                let _ = self.writer.shutdown().await;
                Ok(Goes::On)
            }
            After::Unasked => {
                turns(UNASKED_TURNS).await;
                self.unasked().await;
                Ok(Goes::Ends)
            }
        }
    }

    async fn unasked(&mut self) {
        self.ledger.treacheries.fetch_add(1, SeqCst);
        let _ = self.writer.write_all(script::unasked(self.number).as_bytes()).await;
    }

    /// Reads a part of a body, which must equal `expected`.
    async fn body(&mut self, expected: &[u8]) -> Result<Goes, String> {
        match self.reader.exact(expected.len()).await {
            Ok(bytes) if bytes == expected => Ok(Goes::On),
            Err(Fault::Broken(bytes)) if expected.starts_with(&bytes) => Ok(Goes::Ends),
            Ok(bytes) | Err(Fault::Broken(bytes)) => {
                let at = bytes.iter().zip(expected).take_while(|(is, should)| is == should).count();
                Err(format!("another body after {at} bytes: {}", shown(&bytes[at..])))
            }
            Err(Fault::Syntax(what)) => Err(what),
        }
    }

    async fn wait_for_the_end(&mut self) -> Result<Goes, String> {
        let came = self.reader.fill().await.unwrap_or(false);
        if came {
            return Err(format!("bytes without an answer: {}", shown(self.reader.rest())));
        }
        Ok(Goes::Ends)
    }

    async fn write(&mut self, bytes: &[u8], pieces: usize) -> Result<Goes, String> {
        for piece in bytes.chunks(bytes.len().div_ceil(pieces).max(1)) {
            let writing = timeout(END_TIMEOUT, self.writer.write_all(piece)).await;
            match writing {
                Ok(Ok(())) => {}
                // The other end has disconnected.
                Ok(Err(_)) => return Ok(Goes::Ends),
                Err(_) => {
                    return Err("an unread answer on an open connection".to_owned());
                }
            }
            if pieces > 1 {
                yield_now().await;
            }
        }
        Ok(Goes::On)
    }
}

/// Checks that the last bytes of a connection that was closed within a head are the beginning of a request.
fn begins_a_request(bytes: &[u8]) -> Result<(), String> {
    let is_one = Method::ALL.iter().any(|method| {
        let start = format!("{} /", method.text()).into_bytes();
        bytes.starts_with(&start) || start.starts_with(bytes)
    });
    if is_one { Ok(()) } else { Err(format!("bytes that are not a request: {}", shown(bytes))) }
}

fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(120)].escape_ascii().to_string()
}

pub(crate) async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}
