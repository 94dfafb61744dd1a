//! The pool as a subject of the suite.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use desync::{Answer, AnswerBody, Leave, Outcome, Planned, Subject};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use http_pool::{ExchangeError, Outgoing, Pool};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::upstream::HANG;

/// Deadline of a request whose caller does not want to wait.
const SHORT: Duration = Duration::from_millis(2);

/// A pool, and the event loop that its requests come from.
pub struct Pooled {
    client: Client,
    handle: Handle,
    _end: DropGuard,
}

#[derive(Clone)]
struct Client(Arc<Pool>);

impl Pooled {
    pub async fn start(address: SocketAddr) -> Self {
        let pool = Pool::new(&address.to_string(), HeaderValue::from_static("upstream")).unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let end = CancellationToken::new();
        let ended = end.clone();
        thread::spawn(move || runtime.block_on(ended.cancelled()));
        Self { client: Client(Arc::new(pool)), handle, _end: end.drop_guard() }
    }
}

impl Client {
    async fn perform(&self, planned: &Planned) -> Outcome {
        let leaves = planned.exchange.leave == Leave::Waiting;
        let deadline = if leaves && planned.index.is_multiple_of(2) { SHORT } else { HANG };
        let sending = self.0.send(outgoing(planned), Instant::now() + deadline);
        let answered = if leaves && deadline == HANG {
            tokio::select! {
                answered = sending => answered,
                () = turns(planned.index % 7) => return Outcome::Left,
            }
        } else {
            sending.await
        };
        match answered {
            Ok(response) => read(planned, response).await,
            Err(ExchangeError::Unreachable(_) | ExchangeError::Unsendable(_)) => Outcome::NotSent,
            Err(ExchangeError::TimedOut) if deadline == HANG => Outcome::Hung,
            Err(ExchangeError::TimedOut) => Outcome::Left,
            Err(ExchangeError::Invalid(_) | ExchangeError::Unusable(_)) => Outcome::Failed,
        }
    }
}

impl Subject for Pooled {
    async fn lane(&self, work: Vec<Planned>) -> Vec<(usize, Outcome)> {
        let client = self.client.clone();
        let lane = self.handle.spawn(async move {
            let mut outcomes = Vec::with_capacity(work.len());
            for planned in work {
                outcomes.push((planned.index, client.perform(&planned).await));
            }
            outcomes
        });
        lane.await.unwrap()
    }

    async fn stop(self) {}
}

/// The request, with headers as an attacker would have them.
fn outgoing(planned: &Planned) -> Outgoing {
    let request = Request::builder()
        .method(planned.exchange.method.text())
        .uri(planned.path())
        .header("x-nonce", &planned.nonce);
    let request = match planned.index % 8 {
        0 => request.header("content-length", planned.exchange.body + 31),
        1 => request.header("transfer-encoding", "chunked"),
        2 => request.header("connection", "close").header("expect", "100-continue"),
        3 => request.header("content-length", "0").header("te", "trailers").header("upgrade", "h2c"),
        _ => request,
    };
    request.body(Full::from(planned.request_body())).unwrap()
}

async fn read(planned: &Planned, response: Response<http_pool::AnswerBody>) -> Outcome {
    let text = |headers: &HeaderMap, name| Some(headers.get(name)?.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let mark = text(response.headers(), "x-mark");
    let nonce = text(response.headers(), "x-nonce");
    let body = if planned.exchange.leave == Leave::Reading {
        AnswerBody::Unread
    } else {
        match response.into_body().collect().await {
            Ok(body) => AnswerBody::Whole(body.to_bytes().to_vec()),
            Err(_) => AnswerBody::Broken,
        }
    };
    Outcome::Answered(Answer { status, mark, nonce, body })
}

async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}
