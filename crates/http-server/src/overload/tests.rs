//! Places, and the queue for them.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::*;

fn places(running_max: usize, waiting_max: usize) -> Arc<Places> {
    Arc::new(Places {
        running_max,
        waiting_max,
        patience: Duration::from_secs(1),
        state: Mutex::default(),
        meters: Meters::new(None),
    })
}

/// A request that waits in the queue.
fn waiting(places: &Arc<Places>) -> BoxFuture<'static, Result<Place, Shed>> {
    let places = places.clone();
    let mut taking = async move { places.take().await }.boxed();
    assert!((&mut taking).now_or_never().is_none());
    taking
}

fn running(places: &Places) -> usize {
    places.state().running
}

#[tokio::test(start_paused = true)]
async fn request_beyond_the_limit_waits_for_a_place() {
    let places = places(2, 1);
    let one = places.take().await.unwrap();
    let _two = places.take().await.unwrap();
    let three = waiting(&places);
    drop(one);
    let _three = three.await.unwrap();
    assert_eq!(running(&places), 2);
}

#[tokio::test(start_paused = true)]
async fn newest_request_is_served_first() {
    let places = places(1, 2);
    let runs = places.take().await.unwrap();
    let (first, last) = (waiting(&places), waiting(&places));
    drop(runs);
    let last = last.await.unwrap();
    drop(last);
    first.await.unwrap();
    assert_eq!(running(&places), 0);
}

#[tokio::test(start_paused = true)]
async fn full_queue_rejects_its_oldest_request() {
    let places = places(1, 2);
    let _runs = places.take().await.unwrap();
    let oldest = waiting(&places);
    let (_second, _third) = (waiting(&places), waiting(&places));
    assert_eq!(oldest.now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_a_request_beyond_the_limit_is_rejected_at_once() {
    let places = places(1, 0);
    let _runs = places.take().await.unwrap();
    assert_eq!(places.take().now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_longer_than_the_timeout() {
    let places = places(1, 1);
    let _runs = places.take().await.unwrap();
    assert_eq!(waiting(&places).await.unwrap_err(), Shed::QueueTimeout);
}

#[tokio::test(start_paused = true)]
async fn request_of_a_client_that_hung_up_gets_no_place() {
    let places = places(1, 1);
    let runs = places.take().await.unwrap();
    drop(waiting(&places));
    let waits = waiting(&places);
    drop(waiting(&places));
    // The last request overflowed the queue before its client hung up.
    assert_eq!(waits.now_or_never().unwrap().unwrap_err(), Shed::QueueFull);
    drop(runs);
    assert_eq!(running(&places), 0);
    places.take().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn place_given_to_a_client_that_hangs_up_goes_to_the_next() {
    let places = places(1, 2);
    let runs = places.take().await.unwrap();
    let (waits, hangs_up) = (waiting(&places), waiting(&places));
    drop(runs);
    drop(hangs_up);
    waits.await.unwrap();
    assert_eq!(running(&places), 0);
}

#[test]
fn bodies_for_one_upstream_leave_memory_for_the_others() {
    let bulkhead = Bulkhead { places: places(1, 1), bodies: Some(Arc::default()) };
    let body = bulkhead.portion(UPSTREAM_BODIES_BYTES).unwrap();
    assert_eq!(bulkhead.portion(1).unwrap_err(), Shed::NoMemory);
    drop(body);
    let _next = bulkhead.portion(1).unwrap();
    assert!(bulkhead.portion(UPSTREAM_BODIES_BYTES).is_err());
    let of_a_service = Bulkhead { places: places(1, 1), bodies: None };
    assert!(of_a_service.portion(usize::MAX).unwrap().is_none());
}
