//! The exchanges of one run, each with its nonce and its two bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::exchange::{Exchange, Method, Target};

/// The exchanges of one run.
#[derive(Debug)]
pub struct Plan {
    /// The upper half of each nonce, which distinguishes the messages of this run from those of earlier runs.
    run: u32,
    pub exchanges: Vec<Exchange>,
}

/// One exchange of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    pub index: usize,
    pub nonce: String,
    pub exchange: Exchange,
}

impl Plan {
    pub fn new(exchanges: Vec<Exchange>) -> Arc<Self> {
        static RUNS: AtomicU32 = AtomicU32::new(1);
        Arc::new(Self { run: RUNS.fetch_add(1, Ordering::Relaxed), exchanges })
    }

    pub fn planned(&self, index: usize) -> Planned {
        Planned { index, nonce: self.nonce(index), exchange: self.exchanges[index].clone() }
    }

    pub fn nonce(&self, index: usize) -> String {
        format!("{:08x}{index:08x}", self.run)
    }

    /// Returns the exchange with `nonce`.
    pub fn find(&self, nonce: &str) -> Option<Planned> {
        let (run, index) = nonce.split_at_checked(8)?;
        let index = usize::from_str_radix(index, 16).ok()?;
        (u32::from_str_radix(run, 16) == Ok(self.run) && index < self.exchanges.len() && nonce.len() == 16)
            .then(|| self.planned(index))
    }
}

impl Planned {
    pub fn path(&self) -> String {
        match self.exchange.target {
            Target::Service => format!("/books/{}/{}", self.nonce, self.exchange.body),
            Target::Document => "/api-docs/book/openapi.json".to_owned(),
            Target::Status => "/status".to_owned(),
            Target::Docs => "/docs".to_owned(),
            Target::Probe => "/livez".to_owned(),
            Target::Nothing => "/cancellations".to_owned(),
        }
    }

    /// Returns a body that looks like a request that clients never send.
    pub fn request_body(&self) -> Vec<u8> {
        let smuggled = format!("POST /cancellations/{} HTTP/1.1\r\nhost: x\r\n\r\n", self.nonce);
        repeat(&smuggled, self.exchange.body)
    }

    /// Returns a body that looks like an answer that no client may get.
    pub fn answer_body(&self) -> Vec<u8> {
        let nonce = &self.nonce;
        let planted =
            format!("HTTP/1.1 200 OK\r\nx-mark: planted\r\nx-nonce: {nonce}\r\ncontent-length: 0\r\n\r\n");
        repeat(&planted, self.exchange.answer)
    }

    /// Returns the head of the request as a raw client sends it.
    pub fn request_head(&self, host: &str) -> String {
        let Self { nonce, exchange, .. } = self;
        let method = exchange.method.text();
        let mut head = format!("{method} {} HTTP/1.1\r\nhost: {host}\r\nx-nonce: {nonce}\r\n", self.path());
        if exchange.target != Target::Service {
            head += "x-request-timeout-ms: 1\r\n";
        }
        if exchange.body > 0 || matches!(exchange.method, Method::Post | Method::Put | Method::Patch) {
            head += &format!("content-length: {}\r\n", exchange.body);
        }
        head + "\r\n"
    }
}

fn repeat(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.repeat(length.div_ceil(text.len())).into_bytes();
    bytes.truncate(length);
    bytes
}
