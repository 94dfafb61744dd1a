//! Requests that are sent again, and requests that are not.

use http_pool::{ATTEMPTS_MAX, ExchangeError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::upstream::{ANSWER, HANG, Upstream, get, post, send};

#[tokio::test]
async fn request_goes_to_a_new_connection_if_the_idle_one_was_closed() {
    let upstream = Upstream::start().await;
    // Many times, because each request races the notification that the idle connection is closed.
    for _ in 0..50 {
        let sending = upstream.send(post("{}"));
        let mut connection = upstream.accept().await;
        connection.head().await;
        connection.body(2).await;
        connection.write(ANSWER).await;
        assert_eq!(sending.await.unwrap().unwrap(), "ok");
        drop(connection);
    }
}

#[tokio::test]
async fn request_that_may_have_arrived_is_never_sent_again() {
    for request in [get("/books"), post("{}")] {
        let upstream = Upstream::start().await;
        let sending = upstream.send(request);
        let mut connection = upstream.accept().await;
        connection.head().await;
        drop(connection);
        let error = timeout(HANG, sending).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error, "no valid answer");
        assert!(!upstream.has_another().await);
    }
}

#[tokio::test]
async fn request_gets_its_answer() {
    let upstream = Upstream::start().await;
    let pool = upstream.pool.clone();
    let sending = tokio::spawn(async move { send(&pool, get("/first")).await.map(|_| ()) });
    let mut first = upstream.accept().await;
    assert!(first.head().await.starts_with("GET /first"));
    first.write(ANSWER).await;
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn number_of_attempts_is_limited_if_the_upstream_closes_every_connection() {
    let upstream = Upstream::start().await;
    let sending = upstream.send(get("/books"));
    let mut count = 0;
    let error = loop {
        tokio::select! {
            // The upstream accepts and closes, over and over.
            connection = upstream.accept() => {
                count += 1;
                drop(connection);
            }
            () = async { while !sending.is_finished() { tokio::task::yield_now().await } } => {
                break sending.await.unwrap().unwrap_err();
            }
        }
    };
    assert!(error == "not reached" || error == "no valid answer", "{error}");
    assert!(count <= ATTEMPTS_MAX * ATTEMPTS_MAX);
}

/// If another request could take it, some of these would not be sent on a loaded machine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_connection_is_not_taken_from_the_request_that_opened_it() {
    const REQUESTS: usize = 256;
    let upstream = Upstream::start().await;
    let mut answering = JoinSet::new();
    for _ in 0..16 {
        let sending: Vec<_> = (0..REQUESTS).map(|_| upstream.send(get("/books"))).collect();
        let sent = async {
            for sending in sending {
                assert_eq!(sending.await.unwrap().as_deref(), Ok("ok"));
            }
        };
        let accepting = async {
            loop {
                let mut connection = upstream.accept().await;
                answering.spawn(async move {
                    loop {
                        connection.head().await;
                        connection.write(ANSWER).await;
                    }
                });
            }
        };
        tokio::select! { () = sent => {}, () = accepting => {} }
    }
}

#[tokio::test]
async fn upstream_that_does_not_listen_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = Upstream::start().await;
    let gone = listener.local_addr().unwrap().to_string();
    drop(listener);
    let pool = std::sync::Arc::new(http_pool::Pool::new(gone, "gone".parse().unwrap()));
    assert!(matches!(send(&pool, get("/")).await, Err(ExchangeError::Unreachable(_))));
    drop(upstream);
}
