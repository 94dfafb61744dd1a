//! Bodies in arbitrary pieces, at any pace and from several peers at once, through `http_server::body`.
#![no_main]

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use fuzz::choices::Choices;
use fuzz::problems;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use http_server::body::Bodies;
use http_api::peers::Exempt;
use http_api::proxies::TrustedProxies;
use tokio::time::{sleep, timeout};

const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the timeout of any body.
const LONG: Duration = Duration::from_secs(3600);
const MIB: usize = 1024 * 1024;
/// The memory for the bodies of all requests, and for those of one peer.
const TOTAL: usize = 64 * MIB;
const SHARE: usize = 8 * MIB;
/// Maximum size of a piece of a body.
const PIECE_MAX: usize = 64 * 1024;
const BODIES_MAX: usize = 8;
const PIECES_MAX: usize = 12;
/// Maximum number of copies of one body that are sent at once.
const COPIES_MAX: usize = 80;

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let mut plans = Vec::new();
    while !choices.is_over() && plans.len() < BODIES_MAX {
        plans.push(Plan::read(&mut choices));
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(check(&plans));
});

/// The body of one request, or of several concurrent ones.
#[derive(Debug)]
struct Plan {
    copies: usize,
    peer: IpAddr,
    limit: usize,
    coding: Option<&'static str>,
    start: Duration,
    /// When the client disconnects.
    leaves: Option<Duration>,
    /// How long the request runs after its body is complete.
    works: Duration,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    /// Known to be complete, like a body with a `Content-Length` of which all bytes have come.
    Whole(usize),
    Pieces(Vec<(Duration, usize)>, Ending),
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    End,
    BreaksOff,
    Hangs,
}

impl Plan {
    fn read(choices: &mut Choices<'_>) -> Self {
        let flags = choices.byte();
        let peer = [[192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3], [127, 0, 0, 1]][usize::from(flags & 3)];
        let limits = [BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES, MIB, 2];
        let coding = [None, None, Some("identity"), Some("gzip")][usize::from(flags >> 4 & 3)];
        let leaves = (flags & 64 != 0).then(|| pause(choices));
        let (start, works) = (pause(choices), pause(choices));
        let is_whole = flags & 128 != 0;
        let form = match is_whole {
            true => Form::Whole(size(choices).min(MIB) * (1 + choices.below(16))),
            false => Form::Pieces(
                (0..choices.below(PIECES_MAX + 1)).map(|_| (pause(choices), size(choices))).collect(),
                [Ending::End, Ending::End, Ending::BreaksOff, Ending::Hangs][choices.below(4)],
            ),
        };
        let copies = if is_whole { 1 + choices.below(COPIES_MAX) } else { 1 };
        let limit = limits[usize::from(flags >> 2 & 3)];
        Self { copies, peer: peer.into(), limit, coding, start, leaves, works, form }
    }

    /// Returns the sizes of all pieces.
    fn sizes(&self) -> Vec<usize> {
        match &self.form {
            Form::Whole(length) => vec![*length],
            Form::Pieces(pieces, _) => pieces.iter().map(|(_, length)| *length).collect(),
        }
    }

    fn body(&self) -> Body {
        match self.form.clone() {
            Form::Whole(length) => Body::from(piece(0, length)),
            Form::Pieces(pieces, ending) => {
                let mut at = 0;
                let pieces = pieces.into_iter().map(move |(pause, length)| {
                    let begin = at;
                    at += length;
                    (pause, piece(begin, length))
                });
                let pieces = stream::iter(pieces).then(|(pause, piece)| async move {
                    sleep(pause).await;
                    Ok(piece)
                });
                let ending = stream::once(async move {
                    match ending {
                        Ending::End => None,
                        Ending::BreaksOff => Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))),
                        Ending::Hangs => std::future::pending().await,
                    }
                });
                Body::from_stream(pieces.chain(ending.filter_map(std::future::ready)))
            }
        }
    }

    /// Returns the status of the problem that the pieces cause, if there is enough memory and all come in
    /// time.
    fn expected(&self) -> Option<u16> {
        let is_empty = matches!(self.form, Form::Whole(0));
        if self.coding == Some("gzip") && !is_empty {
            return Some(415);
        }
        let breaks_off = matches!(self.form, Form::Pieces(_, Ending::BreaksOff));
        let length: usize = self.sizes().iter().sum();
        if length > self.limit { Some(413) } else { breaks_off.then_some(400) }
    }

    /// Whether all pieces come at once.
    fn is_prompt(&self) -> bool {
        match &self.form {
            Form::Whole(_) => true,
            Form::Pieces(pieces, ending) => {
                pieces.iter().all(|(pause, _)| pause.is_zero()) && !matches!(ending, Ending::Hangs)
            }
        }
    }
}

fn pause(choices: &mut Choices<'_>) -> Duration {
    match choices.byte() {
        short @ 0..=127 => Duration::from_millis(u64::from(short / 64)),
        long => Duration::from_millis(u64::from(long - 127) * 250),
    }
}

fn size(choices: &mut Choices<'_>) -> usize {
    match choices.byte() {
        few @ 0..=127 => usize::from(few),
        kibibytes @ 128..=191 => usize::from(kibibytes - 127) * 1024,
        _ => PIECE_MAX - choices.below(3),
    }
}

/// Returns the bytes of a body from `begin` on. Nearby positions have different bytes.
fn piece(begin: usize, length: usize) -> Bytes {
    static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
        let number = |at: u32| at.wrapping_mul(0x9e37_79b1).to_le_bytes()[3];
        (0..MIB as u32).map(number).collect()
    });
    PATTERN.slice(begin..begin + length)
}

async fn check(plans: &[Plan]) {
    let bodies = Arc::new(Bodies::new(READ_TIMEOUT, Exempt::new(TrustedProxies::default())));
    let copies: usize = plans.iter().map(|plan| plan.copies).sum();
    let requests = plans.iter().flat_map(|plan| std::iter::repeat_n(plan, plan.copies));
    let requests = requests.map(|plan| request(bodies.clone(), plan, copies == 1));
    timeout(LONG, join_all(requests)).await.expect("every body ends");
    assert_eq!(bodies.held(), 0, "the memory comes back");
    for plan in plans {
        check_share(&bodies, plan.peer).await;
    }
}

async fn request(bodies: Arc<Bodies>, plan: &Plan, is_alone: bool) {
    sleep(plan.start).await;
    let coding = plan.coding.map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding)));
    let headers = HeaderMap::from_iter(coding);
    let reading = bodies.read(&headers, plan.body(), plan.peer, plan.limit);
    let read = match plan.leaves {
        None => reading.await,
        Some(patience) => match timeout(patience, reading).await {
            Ok(read) => read,
            Err(_) => return,
        },
    };
    assert!(bodies.held() <= TOTAL, "{} bytes are held", bodies.held());
    match read {
        Ok((body, memory)) => {
            assert_eq!(plan.expected(), None, "{plan:?}");
            assert_eq!(body, piece(0, plan.sizes().iter().sum()), "{plan:?}");
            assert!(bodies.held() >= body.len(), "what is held is charged");
            sleep(plan.works).await;
            drop(memory);
        }
        Err(problem) => {
            let status = problems::read(problem).await.status;
            let is_plain = plan.expected() == Some(status);
            let is_refused = !is_alone && matches!(status, 408 | 503);
            let is_slow = status == 408 && !plan.is_prompt();
            assert!(is_plain || is_refused || is_slow, "{status} for {plan:?}");
        }
    }
}

/// Checks that the whole share of the peer is free again.
async fn check_share(bodies: &Bodies, peer: IpAddr) {
    let mut held = Vec::new();
    let whole = Bytes::from_static(&[b' '; MIB]);
    for _ in 0..SHARE / MIB {
        let read = bodies.read(&HeaderMap::new(), Body::from(whole.clone()), peer, MIB).await;
        held.push(read.expect("the share is free"));
    }
    let one_more = bodies.read(&HeaderMap::new(), Body::from(whole), peer, MIB).await;
    assert_eq!(one_more.is_ok(), peer.is_loopback(), "only a peer without a limit of its own gets more");
    drop(held);
    drop(one_more);
    assert_eq!(bodies.held(), 0);
}
