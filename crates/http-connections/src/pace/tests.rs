//! States and time limits, on a paused clock.

use std::net::Ipv4Addr;

use axum::body::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{advance, timeout};

use super::*;

const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The clock's resolution, twice.
const TOLERANCE: Duration = Duration::from_millis(2);
static CHUNK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

fn doing(pace: &Pace) -> Doing {
    pace.standing().0
}

/// A connection, and its client.
async fn connection() -> (Paced, Arc<Pace>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let pace = Arc::new(Pace::new());
    (Paced::new(stream, pace.clone(), HEAD_TIMEOUT), pace, client)
}

/// Writes until the client's buffers are full. Returns how long the last write waited before it failed.
async fn write_to_the_end(connection: &mut Paced) -> Duration {
    loop {
        let began = Instant::now();
        if let Err(error) = connection.write(&CHUNK).await {
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            return began.elapsed();
        }
    }
}

fn assert_took(time: Duration, limit: Duration) {
    assert!(time >= limit && time <= limit + TOLERANCE, "{time:?} is not {limit:?}");
}

#[tokio::test(start_paused = true)]
async fn pace_knows_what_a_connection_waits_for_and_for_how_long() {
    let pace = Arc::new(Pace::new());
    advance(Duration::from_secs(3)).await;
    assert_eq!(pace.standing(), (Doing::Unused, Duration::from_secs(3)));
    pace.receive();
    advance(Duration::from_secs(2)).await;
    pace.receive();
    assert_eq!(pace.standing(), (Doing::Head, Duration::from_secs(2)));
    pace.begin();
    pace.wait_for_body();
    advance(Duration::from_secs(1)).await;
    pace.wait_for_body();
    assert_eq!(pace.standing(), (Doing::Body, Duration::from_secs(1)));
    pace.work();
    assert_eq!(doing(&pace), Doing::Work);
    let answer = Answer::new(Body::empty(), pace.clone());
    assert_eq!(doing(&pace), Doing::Answer);
    drop(answer);
    assert_eq!(pace.standing(), (Doing::Unused, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn head_that_begins_during_a_response_is_timed_from_the_end_of_the_response() {
    let pace = Arc::new(Pace::new());
    pace.begin();
    let answer = Answer::new(Body::empty(), pace.clone());
    pace.receive();
    advance(Duration::from_secs(1)).await;
    drop(answer);
    assert_eq!(pace.standing(), (Doing::Head, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn head_that_stalls_fails_after_its_timeout() {
    let (mut connection, pace, mut client) = connection().await;
    client.write_all(b"GET /").await.unwrap();
    connection.read_exact(&mut [0; 5]).await.unwrap();
    assert_eq!(doing(&pace), Doing::Head);
    let began = Instant::now();
    assert_eq!(connection.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_took(began.elapsed(), HEAD_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn body_and_unused_connection_have_no_limit_here() {
    let (mut connection, pace, _client) = connection().await;
    let hour = Duration::from_secs(3_600);
    assert!(timeout(hour, connection.read(&mut [0])).await.is_err());
    pace.begin();
    pace.wait_for_body();
    assert!(timeout(hour, connection.read(&mut [0])).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn response_that_is_not_read_fails_after_its_timeout() {
    let (mut connection, pace, _client) = connection().await;
    pace.begin();
    let _answer = Answer::new(Body::empty(), pace.clone());
    assert_took(write_to_the_end(&mut connection).await, WRITE_TIMEOUT);
    assert_eq!(doing(&pace), Doing::Stuck);
}

#[tokio::test(start_paused = true)]
async fn response_is_sent_on_when_its_client_reads_again_in_time() {
    let (mut connection, pace, mut client) = connection().await;
    pace.begin();
    let _answer = Answer::new(Body::empty(), pace.clone());
    while timeout(WRITE_TIMEOUT / 2, connection.write(&CHUNK)).await.is_ok() {}
    assert_eq!(doing(&pace), Doing::Stuck);
    tokio::spawn(async move {
        let mut read = vec![0; CHUNK.len()];
        while client.read(&mut read).await.is_ok_and(|read| read > 0) {}
    });
    connection.write_all(&CHUNK).await.unwrap();
    assert_eq!(doing(&pace), Doing::Answer);
}

#[tokio::test(start_paused = true)]
async fn connection_with_an_unread_body_lingers_for_a_silent_client_and_no_longer() {
    let (mut connection, pace, _client) = connection().await;
    pace.leave_unread();
    let began = Instant::now();
    connection.shutdown().await.unwrap();
    assert_took(began.elapsed(), LINGER_TIMEOUT);
    assert_eq!(doing(&pace), Doing::Linger);
}

#[tokio::test(start_paused = true)]
async fn lingering_connection_discards_what_its_client_sends_and_ends_with_it() {
    let (mut connection, pace, mut client) = connection().await;
    pace.leave_unread();
    client.write_all(&CHUNK).await.unwrap();
    drop(client);
    let began = Instant::now();
    connection.shutdown().await.unwrap();
    assert!(began.elapsed() < LINGER_TIMEOUT);
    assert_eq!(connection.stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn connection_whose_bodies_are_read_closes_at_once() {
    let (mut connection, _pace, _client) = connection().await;
    let began = Instant::now();
    connection.shutdown().await.unwrap();
    assert_took(began.elapsed(), Duration::ZERO);
}
