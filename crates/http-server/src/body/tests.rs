//! Bodies in pieces, too large, too slow, and too many.

use axum::response::IntoResponse;
use futures_util::stream::{self, BoxStream};
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use tokio::task::JoinHandle;
use tokio::time::{advance, sleep};

use super::*;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

fn bodies_with(total: usize, reserve: usize, peer: usize) -> Arc<Bodies> {
    let ledger = Arc::new(Ledger::new(Shares { total, reserve, peer }));
    Arc::new(Bodies { read_timeout: Duration::from_secs(60), exempt: Exempt::default(), ledger })
}

fn bodies() -> Arc<Bodies> {
    bodies_with(SHARES.total, SHARES.reserve, SHARES.peer)
}

fn in_chunks(chunks: impl IntoIterator<Item = Bytes, IntoIter: Send + 'static>) -> Body {
    Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>)))
}

/// A body that sends `bytes` at once and then stalls.
fn stalled(bytes: usize) -> Body {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b' '; bytes]))]);
    let stalled: BoxStream<'static, _> = Box::pin(first.chain(stream::pending()));
    Body::from_stream(stalled)
}

/// A body that sends a KiB every `interval`, without an end.
fn paced(interval: Duration) -> Body {
    let chunks = stream::unfold((), move |()| async move {
        sleep(interval).await;
        Some((Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1024])), ()))
    });
    Body::from_stream(chunks)
}

async fn read(bodies: &Bodies, body: Body, peer: IpAddr) -> Result<(Bytes, Memory), u16> {
    let read = bodies.read(&HeaderMap::new(), body, peer, LARGE_BODY_LIMIT_BYTES).await;
    read.map_err(|problem| problem.into_response().status().as_u16())
}

/// Starts to read `body`, and reads what is available at once.
async fn reading(bodies: &Arc<Bodies>, body: Body, peer: IpAddr) -> JoinHandle<Result<(Bytes, Memory), u16>> {
    let bodies = bodies.clone();
    let task = tokio::spawn(async move { read(&bodies, body, peer).await });
    tokio::task::yield_now().await;
    task
}

#[tokio::test]
async fn chunks_are_joined_in_their_order() {
    for chunks in [&[][..], &["a"], &["a", "b"], &["", "a", "", "b", "c"]] {
        let body =
            in_chunks(chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect::<Vec<_>>());
        let (whole, _) = read(&bodies(), body, PEER).await.unwrap();
        assert_eq!(whole, chunks.concat());
    }
}

#[tokio::test]
async fn tiny_chunks_cost_what_they_hold() {
    let bodies = bodies();
    let (whole, memory) =
        read(&bodies, in_chunks((0..65_536).map(|_| Bytes::from_static(b" "))), PEER).await.unwrap();
    assert_eq!(whole.len(), 65_536);
    assert_eq!(bodies.ledger.used(), 65_536);
    drop(memory);
    assert_eq!(bodies.ledger.used(), 0);
}

#[tokio::test]
async fn memory_is_charged_until_the_body_is_dropped() {
    let bodies = bodies_with(3 * 1024, 0, 3 * 1024);
    let body = || Body::from(vec![b' '; 2 * 1024]);
    let (_, memory) = read(&bodies, body(), PEER).await.unwrap();
    assert_eq!(bodies.ledger.used(), 2 * 1024);
    assert_eq!(read(&bodies, body(), PEER).await.unwrap_err(), 503, "a complete body is not cut off");
    drop(memory);
    read(&bodies, body(), PEER).await.unwrap();
}

#[tokio::test]
async fn limit_is_named_and_no_further_byte_is_kept() {
    let bodies = bodies();
    for (limit, body) in
        [(4, Body::from("12345")), (4, in_chunks([Bytes::from_static(b"123"), Bytes::from_static(b"45")]))]
    {
        let problem = bodies.read(&HeaderMap::new(), body, PEER, limit).await.unwrap_err();
        assert!(format!("{problem:?}").contains("at most 4 bytes"), "{problem:?}");
        assert_eq!(bodies.ledger.used(), 0);
    }
}

#[tokio::test]
async fn encoded_body_is_415_and_identity_is_none() {
    for (coding, status) in
        [("gzip", Some(415)), ("identity, br", Some(415)), ("identity", None), ("Identity,", None)]
    {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(coding))]);
        let read = bodies().read(&headers, Body::from("{}"), PEER, 10).await;
        assert_eq!(read.err().map(|problem| problem.into_response().status().as_u16()), status, "{coding}");
        bodies().read(&headers, Body::empty(), PEER, 10).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn body_below_the_minimum_rate_is_408_after_the_grace_time() {
    let began = Instant::now();
    assert_eq!(read(&bodies(), stalled(10), PEER).await.unwrap_err(), 408);
    assert_eq!(began.elapsed(), GRACE);
    // 20 KiB at once allow 20 seconds.
    let began = Instant::now();
    assert_eq!(read(&bodies(), stalled(20 * 1024), PEER).await.unwrap_err(), 408);
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn body_above_the_minimum_rate_is_408_at_the_read_timeout() {
    let began = Instant::now();
    assert_eq!(read(&bodies(), paced(Duration::from_millis(500)), PEER).await.unwrap_err(), 408);
    assert_eq!(began.elapsed(), Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn slowest_body_is_cut_off_when_the_memory_is_used_up() {
    let bodies = bodies_with(96 * 1024, 0, 96 * 1024);
    let slow = reading(&bodies, stalled(40 * 1024), PEER).await;
    advance(Duration::from_secs(3)).await;
    let fast = reading(&bodies, stalled(40 * 1024), PEER).await;
    advance(Duration::from_millis(100)).await;
    let (_, memory) = read(&bodies, Body::from(vec![b' '; 40 * 1024]), OTHER).await.unwrap();
    assert_eq!(slow.await.unwrap().unwrap_err(), 408);
    assert!(!fast.is_finished());
    drop(memory);
    fast.abort();
}

#[tokio::test(start_paused = true)]
async fn small_bodies_have_a_reserve() {
    let bodies = bodies_with(64 * 1024, 16 * 1024, 64 * 1024);
    let (_, _large) = read(&bodies, Body::from(vec![b' '; 48 * 1024]), PEER).await.unwrap();
    assert_eq!(read(&bodies, Body::from(vec![b' '; 17 * 1024]), PEER).await.unwrap_err(), 503);
    read(&bodies, Body::from(vec![b' '; 16 * 1024]), PEER).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn peer_uses_no_more_than_its_share_and_loses_its_own_slowest_body() {
    let bodies = bodies_with(1024 * 1024, 0, 100 * 1024);
    let other = reading(&bodies, stalled(50 * 1024), OTHER).await;
    advance(Duration::from_secs(1)).await;
    let own = reading(&bodies, stalled(60 * 1024), PEER).await;
    advance(Duration::from_secs(1)).await;
    let (_, _memory) = read(&bodies, Body::from(vec![b' '; 60 * 1024]), PEER).await.unwrap();
    assert_eq!(own.await.unwrap().unwrap_err(), 408);
    assert!(!other.is_finished());
    assert_eq!(read(&bodies, Body::from(vec![b' '; 60 * 1024]), PEER).await.unwrap_err(), 503);
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn stalled_clients_of_the_largest_body_leave_room_for_a_booking() {
    let bodies = bodies();
    let mut stalled_ones = Vec::new();
    for peer in 0..=255 {
        for _ in 0..2 {
            let from = IpAddr::from([198, 51, 100, peer]);
            stalled_ones.push(reading(&bodies, stalled(LARGE_BODY_LIMIT_BYTES - 1), from).await);
        }
    }
    let (whole, _) = read(&bodies, Body::from("{\"seat\": \"1A\"}"), OTHER).await.unwrap();
    assert_eq!(whole.len(), 14);
    assert!(bodies.ledger.used() <= SHARES.total);
    stalled_ones.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn transfer_codings_but_chunked_are_unsupported() {
    let read = async |lines: &[&'static str]| {
        let lines = lines.iter().map(|line| (TRANSFER_ENCODING, http::HeaderValue::from_static(line)));
        let bodies = Bodies::new(Duration::from_secs(60), Exempt::default());
        let body = Body::from("x");
        bodies.read(&lines.collect(), body, [192, 0, 2, 1].into(), BODY_LIMIT_BYTES).await.is_ok()
    };
    for chunked in [&[][..], &["chunked"], &["Chunked "]] {
        assert!(read(chunked).await, "{chunked:?}");
    }
    for other in [&["gzip, chunked"][..], &["identity", "chunked"], &["chunked, chunked"], &["x"]] {
        assert!(!read(other).await, "{other:?}");
    }
}
