//! The breaker around a service, on a paused clock.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use circuit_breaker::{
    CircuitBreaker, CircuitBreakerLayer, CircuitBreakerService, Error, Settings, State, Verdict,
};
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt};

/// What the service does: it takes this long, then responds with this status.
type Request = (Duration, u16);

const AT_ONCE: Duration = Duration::ZERO;

/// A breaker that opens for five seconds if half of the last four calls fail. It has three probes; a call
/// above 100 ms is slow.
fn settings() -> Settings {
    Settings {
        sliding_window_size: 4,
        minimum_number_of_calls: 4,
        wait_duration_in_open_state: Duration::from_secs(5),
        permitted_number_of_calls_in_half_open_state: 3,
        slow_call_duration_threshold: Duration::from_millis(100),
        ..Settings::default()
    }
}

async fn work((takes, status): Request) -> Result<u16, Infallible> {
    sleep(takes).await;
    Ok(status)
}

fn classify(answer: &Result<u16, Infallible>) -> Verdict {
    match answer {
        Ok(429) => Verdict::Ignored,
        Ok(500..) => Verdict::Failure,
        _ => Verdict::Success,
    }
}

type Classify = fn(&Result<u16, Infallible>) -> Verdict;

fn guarded<S>(breaker: &CircuitBreaker, inner: S) -> CircuitBreakerService<S, Classify> {
    CircuitBreakerLayer::new(breaker.clone(), classify as Classify).layer(inner)
}

async fn call<S>(service: &S, request: Request) -> Result<u16, Error<Infallible>>
where
    S: Service<Request, Response = u16, Error = Error<Infallible>> + Clone,
{
    service.clone().oneshot(request).await
}

#[tokio::test(start_paused = true)]
async fn breaker_opens_when_the_service_fails_and_closes_when_it_recovers() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let service = guarded(&breaker, tower::service_fn(work));
    for _ in 0..4 {
        assert_eq!(call(&service, (AT_ONCE, 500)).await.unwrap(), 500);
    }
    let Err(Error::NotPermitted(refused)) = call(&service, (AT_ONCE, 200)).await else {
        panic!("an open breaker rejects every call");
    };
    assert_eq!((refused.state, refused.retry_after), (State::Open, Duration::from_secs(5)));

    advance(Duration::from_secs(5)).await;
    for _ in 0..3 {
        assert_eq!(call(&service, (AT_ONCE, 404)).await.unwrap(), 404);
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_the_breaker() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let service = guarded(&breaker, tower::service_fn(work));
    for _ in 0..4 {
        call(&service, (Duration::from_millis(101), 200)).await.unwrap();
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn dropped_call_returns_its_probe() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let service = guarded(&breaker, tower::service_fn(work));
    for _ in 0..4 {
        call(&service, (AT_ONCE, 500)).await.unwrap();
    }
    advance(Duration::from_secs(5)).await;
    for _ in 0..100 {
        let dropped =
            tokio::time::timeout(Duration::from_secs(1), call(&service, (Duration::MAX, 200))).await;
        assert!(dropped.is_err());
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    for _ in 0..3 {
        call(&service, (AT_ONCE, 200)).await.unwrap();
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn half_open_breaker_lets_only_its_probes_through() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let reached = Arc::new(Mutex::new(0));
    let seen = reached.clone();
    let counted = tower::service_fn(move |request| {
        *seen.lock().unwrap() += 1;
        work(request)
    });
    let service = guarded(&breaker, counted);
    for _ in 0..4 {
        call(&service, (AT_ONCE, 500)).await.unwrap();
    }
    advance(Duration::from_secs(5)).await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let service = service.clone();
        calls.spawn(async move { call(&service, (Duration::from_millis(10), 200)).await.is_ok() });
    }
    let permitted = calls.join_all().await.into_iter().filter(|permitted| *permitted).count();
    assert_eq!((permitted, *reached.lock().unwrap()), (3, 4 + 3));
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn ignored_result_is_not_counted() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let service = guarded(&breaker, tower::service_fn(work));
    for _ in 0..100 {
        call(&service, (AT_ONCE, 429)).await.unwrap();
    }
    assert_eq!(breaker.measured().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn observer_gets_every_transition_with_its_cause() {
    let observed = Arc::new(Mutex::new(Vec::new()));
    let transitions = observed.clone();
    let breaker = CircuitBreaker::observed("stock", settings(), move |transition| {
        let measured = transition.measured;
        transitions.lock().unwrap().push((transition.from, transition.to, measured.failed, measured.calls));
    })
    .unwrap();
    let service = guarded(&breaker, tower::service_fn(work));
    for status in [200, 500, 200, 500] {
        call(&service, (AT_ONCE, status)).await.unwrap();
    }
    advance(Duration::from_secs(5)).await;
    for _ in 0..3 {
        call(&service, (AT_ONCE, 200)).await.unwrap();
    }
    assert_eq!(
        *observed.lock().unwrap(),
        [
            (State::Closed, State::Open, 2, 4),
            (State::Open, State::HalfOpen, 0, 0),
            (State::HalfOpen, State::Closed, 0, 3),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_busy_service_does_not_count_as_slow() {
    let breaker = CircuitBreaker::new("stock", settings()).unwrap();
    let busy = tower::limit::ConcurrencyLimit::new(tower::service_fn(work), 1);
    let service = guarded(&breaker, busy);
    let (first, second) = tokio::join!(
        call(&service, (Duration::from_millis(50), 200)),
        call(&service, (Duration::from_millis(50), 200)),
    );
    assert_eq!((first.unwrap(), second.unwrap()), (200, 200));
    // The second call waits for the first one, before it begins.
    assert_eq!(breaker.measured().slow, 0);
}
