//! The pool as the subject of the suite.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use desync::{Answer, AnswerBody, Leave, Outcome, Planned, Subject};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use http_pool::{ExchangeError, Outgoing, Pool};
use tokio::time::Instant;

use crate::upstream::HANG;

/// Deadline of a request with an impatient caller.
const SHORT: Duration = Duration::from_millis(2);

pub struct Pooled(Arc<Pool>);

impl Pooled {
    pub async fn start(address: SocketAddr) -> Self {
        Self(Arc::new(Pool::new(address.to_string(), HeaderValue::from_static("upstream"))))
    }

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
        let mut outcomes = Vec::with_capacity(work.len());
        for planned in work {
            outcomes.push((planned.index, self.perform(&planned).await));
        }
        outcomes
    }

    async fn stop(self) {}
}

/// Returns the request, with headers as an attacker would send them.
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
