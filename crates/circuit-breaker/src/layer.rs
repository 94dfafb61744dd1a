//! The breaker around a tower service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::Verdict;
use crate::breaker::{Call, CircuitBreaker};
use crate::machine::CallNotPermitted;

/// A layer that puts one shared breaker around services.
#[derive(Clone, Debug)]
pub struct CircuitBreakerLayer<C> {
    breaker: CircuitBreaker,
    classify: C,
}

impl<C> CircuitBreakerLayer<C> {
    /// Creates a layer. `classify` returns the verdict of each result: `|result: &Result<Response, Error>|
    /// …`.
    pub fn new(breaker: CircuitBreaker, classify: C) -> Self {
        Self { breaker, classify }
    }
}

impl<S, C: Clone> Layer<S> for CircuitBreakerLayer<C> {
    type Service = CircuitBreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let Self { breaker, classify } = self.clone();
        CircuitBreakerService { inner, breaker, classify }
    }
}

/// A service that is called only while its breaker permits it.
#[derive(Clone, Debug)]
pub struct CircuitBreakerService<S, C> {
    inner: S,
    breaker: CircuitBreaker,
    classify: C,
}

/// Why a call has no response.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    /// The breaker rejected it.
    #[error(transparent)]
    NotPermitted(#[from] CallNotPermitted),
    /// The service failed.
    #[error(transparent)]
    Inner(E),
}

impl<S, C, R> Service<R> for CircuitBreakerService<S, C>
where
    S: Service<R>,
    C: Fn(&Result<S::Response, S::Error>) -> Verdict + Clone,
{
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Error::Inner)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match self.breaker.acquire() {
            Ok(call) => ResponseFuture::Permitted {
                inner: self.inner.call(request),
                ending: Some((call, self.classify.clone())),
            },
            Err(refused) => ResponseFuture::Refused { refused },
        }
    }
}

pin_project! {
    /// The future of a call, or its rejection.
    #[project = Projected]
    pub enum ResponseFuture<F, C> {
        Permitted {
            #[pin]
            inner: F,
            ending: Option<(Call, C)>,
        },
        Refused {
            refused: CallNotPermitted,
        },
    }
}

impl<F, C, T, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    C: Fn(&Result<T, E>) -> Verdict,
{
    type Output = Result<T, Error<E>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Refused { refused } => Poll::Ready(Err((*refused).into())),
            Projected::Permitted { inner, ending } => {
                let result = ready!(inner.poll(context));
                if let Some((call, classify)) = ending.take() {
                    call.end(classify(&result));
                }
                Poll::Ready(result.map_err(Error::Inner))
            }
        }
    }
}
