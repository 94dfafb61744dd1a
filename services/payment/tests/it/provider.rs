//! A payment provider in memory. A test can lose, delay and fail its responses.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use upstream::Settings;

const FOREVER: usize = Semaphore::MAX_PERMITS / 2;

/// How the provider treats one charge or cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// The connection breaks before the provider acts.
    LostBefore,
    /// The provider acts, and the connection breaks.
    LostAfter,
    /// The provider responds 500 without acting.
    FailsBefore,
    /// The provider acts, and responds 500.
    FailsAfter,
    /// The connection breaks, and the provider acts at [`Provider::catch_up`].
    Late,
    /// The provider acts and responds, and acts once more at [`Provider::catch_up`].
    Doubled,
    /// The request waits for [`Provider::unpark`]; then the provider acts.
    ParkedBefore,
    /// The provider acts, and its response waits for [`Provider::unpark`].
    ParkedAfter,
}

/// Whether charges wait for [`Provider::release`] before or after the provider acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Before,
    After,
}

/// The charges and refunds of a booking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub charges: u32,
    pub refunds: u32,
    pub amount: i64,
    is_canceled: bool,
    is_declined: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Charge { amount: i64, token: Option<String> },
    Cancel,
}

struct Inner {
    accounts: Mutex<HashMap<String, Account>>,
    fates: Mutex<VecDeque<Fate>>,
    late: Mutex<Vec<(String, Act)>>,
    is_unreachable: AtomicBool,
    requests: AtomicUsize,
    hold: Mutex<Option<Hold>>,
    gate: Semaphore,
    arrived: Notify,
    parked: Mutex<VecDeque<oneshot::Sender<()>>>,
    latency: Duration,
    decline_over: i64,
}

/// The provider, which runs until it is dropped.
pub struct Provider {
    url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

impl Provider {
    pub async fn new() -> Self {
        Self::with(Duration::ZERO, i64::MAX).await
    }

    pub async fn declining_over(amount: i64) -> Self {
        Self::with(Duration::ZERO, amount).await
    }

    pub async fn with_latency(latency: Duration) -> Self {
        Self::with(latency, i64::MAX).await
    }

    async fn with(latency: Duration, decline_over: i64) -> Self {
        let inner = Arc::new(Inner {
            accounts: Mutex::default(),
            fates: Mutex::default(),
            late: Mutex::default(),
            is_unreachable: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            hold: Mutex::new(None),
            gate: Semaphore::new(0),
            arrived: Notify::new(),
            parked: Mutex::default(),
            latency,
            decline_over,
        });
        let routes = Router::new()
            .route("/v1/payments/{reference}", get(find).put(charge))
            .route("/v1/payments/{reference}/cancel", post(cancel))
            .with_state(inner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, inner, server }
    }

    /// Settings without retries and without a breaker, so that the fates of a test apply one call each.
    pub fn settings(&self) -> Settings {
        let mut settings = payment::clients::settings(self.url.parse().unwrap(), Duration::from_secs(20));
        settings.retry_budget_percent = 0;
        settings.breaker.minimum_number_of_calls = u32::MAX;
        settings
    }

    /// Adds the fates of the next charges and cancellations, in order.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.inner.fates.lock().unwrap().extend(fates);
    }

    /// Breaks every connection before the provider acts, until `false` is set.
    pub fn set_unreachable(&self, is_unreachable: bool) {
        self.inner.is_unreachable.store(is_unreachable, Ordering::SeqCst);
    }

    /// Holds all charges from now on.
    pub fn hold(&self, hold: Hold) {
        *self.inner.hold.lock().unwrap() = Some(hold);
    }

    /// Waits until a request is held or parked.
    pub async fn until_held(&self) {
        self.inner.arrived.notified().await;
    }

    /// Releases all held charges, and holds no more.
    pub fn release(&self) {
        *self.inner.hold.lock().unwrap() = None;
        self.inner.gate.add_permits(FOREVER);
    }

    /// Removes the fates that no request has used.
    pub fn clear_fates(&self) {
        self.inner.fates.lock().unwrap().clear();
    }

    /// Continues the request that was parked first, or breaks its connection.
    pub fn unpark(&self, continues: bool) {
        if let Some(parked) = self.inner.parked.lock().unwrap().pop_front()
            && continues
        {
            let _ = parked.send(());
        }
    }

    /// Processes the requests that are late or doubled.
    pub fn catch_up(&self) {
        for (reference, act) in std::mem::take(&mut *self.inner.late.lock().unwrap()) {
            self.inner.act(&reference, &act);
        }
    }

    /// The number of requests so far.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::SeqCst)
    }

    pub fn account(&self, booking: i64) -> Account {
        let accounts = self.inner.accounts.lock().unwrap();
        accounts.get(&format!("test-booking-{booking}")).copied().unwrap_or_default()
    }

    /// The numbers of charges and refunds.
    pub fn movements(&self, booking: i64) -> (u32, u32) {
        let account = self.account(booking);
        (account.charges, account.refunds)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Account {
    /// Whether there is a charge that is not refunded.
    pub fn is_charged(&self) -> bool {
        self.charges > self.refunds
    }

    fn status(&self) -> &'static str {
        match self {
            Self { is_canceled: true, .. } => "canceled",
            Self { is_declined: true, charges: 0, .. } => "declined",
            _ => "succeeded",
        }
    }

    fn body(&self, reference: &str) -> Value {
        json!({
            "reference": reference, "status": self.status(), "amount": self.amount, "currency": "KRW",
            "refundedAt": (self.refunds > 0).then_some("2026-01-01T00:00:00Z"),
        })
    }
}

impl Inner {
    fn act(&self, reference: &str, act: &Act) -> (StatusCode, Value) {
        let mut accounts = self.accounts.lock().unwrap();
        let account = accounts.entry(reference.to_owned()).or_default();
        match act {
            Act::Cancel => {
                account.refunds = account.charges;
                account.is_canceled = true;
            }
            Act::Charge { .. } if account.is_canceled => {}
            Act::Charge { amount, .. } if account.charges > 0 => {
                if account.amount != *amount {
                    return (StatusCode::CONFLICT, json!({"type": "/problems/amount-conflict"}));
                }
            }
            Act::Charge { amount, token } => {
                account.amount = *amount;
                account.is_declined = *amount > self.decline_over || token.as_deref() == Some("tok_declined");
                account.charges = u32::from(!account.is_declined);
            }
        }
        (StatusCode::OK, account.body(reference))
    }

    async fn answer(&self, reference: String, act: Act) -> Response {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.is_unreachable.load(Ordering::SeqCst) {
            return broken();
        }
        sleep(self.latency).await;
        let hold = if matches!(act, Act::Charge { .. }) { *self.hold.lock().unwrap() } else { None };
        self.wait(hold == Some(Hold::Before)).await;
        let fate = self.fates.lock().unwrap().pop_front().unwrap_or(Fate::Answered);
        let acted = match fate {
            Fate::LostBefore => return broken(),
            Fate::FailsBefore => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Fate::Late => {
                self.late.lock().unwrap().push((reference, act));
                return broken();
            }
            Fate::ParkedBefore if !self.park().await => return broken(),
            _ => self.act(&reference, &act),
        };
        self.wait(hold == Some(Hold::After)).await;
        match fate {
            Fate::LostAfter => broken(),
            Fate::ParkedAfter if !self.park().await => broken(),
            Fate::FailsAfter => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Fate::Doubled => {
                self.late.lock().unwrap().push((reference, act));
                answered(acted)
            }
            _ => answered(acted),
        }
    }

    /// Parks the request. Returns whether it may continue.
    async fn park(&self) -> bool {
        let (unpark, parked) = oneshot::channel();
        self.parked.lock().unwrap().push_back(unpark);
        self.arrived.notify_one();
        parked.await.is_ok()
    }

    async fn wait(&self, is_held: bool) {
        if is_held {
            self.arrived.notify_one();
            self.gate.acquire().await.unwrap().forget();
        }
    }
}

fn answered((status, body): (StatusCode, Value)) -> Response {
    (status, Json(body)).into_response()
}

/// A response whose body breaks off.
fn broken() -> Response {
    let cut = futures_util::stream::once(async {
        Err::<Vec<u8>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Response::new(Body::from_stream(cut))
}

async fn charge(
    State(provider): State<Arc<Inner>>,
    Path(reference): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let token = body["paymentToken"].as_str().map(str::to_owned);
    assert_eq!(body["currency"], "KRW");
    provider.answer(reference, Act::Charge { amount: body["amount"].as_i64().unwrap(), token }).await
}

async fn cancel(State(provider): State<Arc<Inner>>, Path(reference): Path<String>) -> Response {
    provider.answer(reference, Act::Cancel).await
}

async fn find(State(provider): State<Arc<Inner>>, Path(reference): Path<String>) -> Response {
    provider.requests.fetch_add(1, Ordering::SeqCst);
    if provider.is_unreachable.load(Ordering::SeqCst) {
        return broken();
    }
    let account = provider.accounts.lock().unwrap().get(&reference).copied();
    match account {
        Some(account) => answered((StatusCode::OK, account.body(&reference))),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
