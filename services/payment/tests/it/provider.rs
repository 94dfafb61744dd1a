//! A payment provider in memory, whose answers a test can lose, hold back and let fail.

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

/// What becomes of one request that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// The connection breaks before the provider acts.
    LostBefore,
    /// The provider acts, and the connection breaks.
    LostAfter,
    /// 500, without any effect.
    FailsBefore,
    /// The provider acts, and answers 500.
    FailsAfter,
    /// The connection breaks, and the provider acts later: see [`Provider::catch_up`].
    Late,
    /// The provider acts now, answers, and acts once more later.
    Doubled,
    /// The request waits for [`Provider::unpark`], and the provider acts then.
    ParkedBefore,
    /// The provider acts, and its answer waits for [`Provider::unpark`].
    ParkedAfter,
}

/// Where requests wait until [`Provider::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Before,
    After,
}

/// What happened to a booking's money.
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
    is_away: AtomicBool,
    requests: AtomicUsize,
    hold: Mutex<Option<Hold>>,
    gate: Semaphore,
    arrived: Notify,
    parked: Mutex<VecDeque<oneshot::Sender<()>>>,
    latency: Duration,
    decline_over: i64,
}

/// Ends with the test.
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

    pub async fn taking(latency: Duration) -> Self {
        Self::with(latency, i64::MAX).await
    }

    async fn with(latency: Duration, decline_over: i64) -> Self {
        let inner = Arc::new(Inner {
            accounts: Mutex::default(),
            fates: Mutex::default(),
            late: Mutex::default(),
            is_away: AtomicBool::new(false),
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

    /// One attempt a call, and no breaker, so that a test decides what each call meets.
    pub fn settings(&self) -> Settings {
        let mut settings = payment::clients::settings(self.url.parse().unwrap(), Duration::from_secs(20));
        settings.retry_budget_percent = 0;
        settings.breaker.minimum_number_of_calls = u32::MAX;
        settings
    }

    /// The next requests that move money meet this, in turn.
    pub fn next(&self, fates: impl IntoIterator<Item = Fate>) {
        self.inner.fates.lock().unwrap().extend(fates);
    }

    /// Whether every connection breaks before anything happens.
    pub fn set_away(&self, is_away: bool) {
        self.inner.is_away.store(is_away, Ordering::SeqCst);
    }

    /// Charges wait from now on, before or after the provider acts.
    pub fn hold(&self, hold: Hold) {
        *self.inner.hold.lock().unwrap() = Some(hold);
    }

    /// Until a charge waits.
    pub async fn holds_one(&self) {
        self.inner.arrived.notified().await;
    }

    pub fn release(&self) {
        *self.inner.hold.lock().unwrap() = None;
        self.inner.gate.add_permits(FOREVER);
    }

    /// Nothing more goes wrong.
    pub fn forget_fates(&self) {
        self.inner.fates.lock().unwrap().clear();
    }

    /// The request that is parked for the longest time goes on; or its connection breaks.
    pub fn unpark(&self, goes_on: bool) {
        if let Some(parked) = self.inner.parked.lock().unwrap().pop_front()
            && goes_on
        {
            let _ = parked.send(());
        }
    }

    /// Whatever was late, or is done twice, is done now.
    pub fn catch_up(&self) {
        for (reference, act) in std::mem::take(&mut *self.inner.late.lock().unwrap()) {
            self.inner.act(&reference, &act);
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::SeqCst)
    }

    pub fn account(&self, booking: i64) -> Account {
        let accounts = self.inner.accounts.lock().unwrap();
        accounts.get(&format!("test-booking-{booking}")).copied().unwrap_or_default()
    }

    /// How many charges and refunds there were.
    pub fn moved(&self, booking: i64) -> (u32, u32) {
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
    /// Whether a charge stands.
    pub fn stands(&self) -> bool {
        self.charges > self.refunds
    }

    fn status(&self) -> &'static str {
        match self {
            Self { is_canceled: true, .. } => "canceled",
            Self { is_declined: true, charges: 0, .. } => "declined",
            _ => "succeeded",
        }
    }

    fn shown(&self, reference: &str) -> Value {
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
        (StatusCode::OK, account.shown(reference))
    }

    async fn answer(&self, reference: String, act: Act) -> Response {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
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

    /// Whether the request may go on.
    async fn park(&self) -> bool {
        let (goes_on, parked) = oneshot::channel();
        self.parked.lock().unwrap().push_back(goes_on);
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

/// An answer whose body breaks off.
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
    if provider.is_away.load(Ordering::SeqCst) {
        return broken();
    }
    let account = provider.accounts.lock().unwrap().get(&reference).copied();
    match account {
        Some(account) => answered((StatusCode::OK, account.shown(&reference))),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
