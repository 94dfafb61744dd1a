//! `/livez`, `/readyz`, `/actuator/health`, `/metrics`: for probes and scrapers.
//!
//! A process that is not ready gets no requests, so readiness depends only on what every request needs: the
//! process's own database. Other components are shown, but do not decide. If another service is unreachable,
//! only some requests need it, and a breaker protects those. If the event log is unreachable, it is so for
//! all replicas at once; bookings still succeed, and their events wait in the outbox. Removing every replica
//! from the load balancer would turn that delay into an outage.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{self, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http_api::fallback::unknown_path;
use serde_json::{Value, json};

/// The state of the component on which readiness depends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    /// It responds, but does not do everything: the process stays ready.
    Degraded(String),
    /// The process is not ready.
    Down(String),
}

/// Finds out the state of the component on which readiness depends. It must end by itself.
type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = State> + Send>> + Send + Sync>;

/// Returns the state of a component, without waiting.
type Shown = Arc<dyn Fn() -> Value + Send + Sync>;

/// Whether this process should get traffic.
#[derive(Clone, Default)]
pub struct Health {
    draining: Arc<AtomicBool>,
    /// `/metrics` is on the admin port only.
    has_admin_port: Arc<AtomicBool>,
    needed: Option<(&'static str, Check)>,
    shown: Vec<(&'static str, Shown)>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("draining", &self.draining).finish_non_exhaustive()
    }
}

impl Health {
    /// For a process that cannot serve without `component`. `check` must end by itself.
    pub fn depending_on(
        component: &'static str,
        check: impl Fn() -> Pin<Box<dyn Future<Output = State> + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self { needed: Some((component, Arc::new(check))), ..Self::default() }
    }

    /// For a process that depends on nothing.
    pub fn always() -> Self {
        Self::default()
    }

    /// Adds a component that is shown, but does not decide. `check` returns what is wrong with it.
    pub fn showing(
        mut self,
        component: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.shown
            .push((component, Arc::new(move || shown(&check().map_or_else(State::Down, |()| State::Up)))));
        self
    }

    /// Adds a component whose `state` is shown unchanged, but does not decide: the breaker of another
    /// service.
    pub fn showing_state(
        mut self,
        component: &'static str,
        state: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Self {
        self.shown.push((component, Arc::new(state)));
        self
    }

    /// Turns the process unready: it wants no new traffic.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Removes `/metrics` from the main port.
    pub(crate) fn move_metrics(&self) {
        self.has_admin_port.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    async fn readiness(&self) -> Readiness {
        let mut components = serde_json::Map::new();
        let mut reason = None;
        if let Some((name, check)) = &self.needed {
            let state = check().await;
            components.insert((*name).to_owned(), shown(&state));
            if let State::Down(detail) = state {
                reason = Some(detail);
            }
        }
        for (name, state) in &self.shown {
            components.insert((*name).to_owned(), state());
        }
        if self.is_draining() {
            reason = Some("draining".to_owned());
        }
        Readiness { reason, components }
    }
}

struct Readiness {
    /// Why the process is not ready.
    reason: Option<String>,
    components: serde_json::Map<String, Value>,
}

fn shown(state: &State) -> Value {
    match state {
        State::Up => json!({"status": "UP"}),
        State::Degraded(detail) => json!({"status": "DEGRADED", "detail": detail}),
        State::Down(detail) => json!({"status": "DOWN", "detail": detail}),
    }
}

/// The probe routes of the main port.
pub fn router(health: Health) -> Router {
    probes().route("/metrics", get(metrics)).with_state(health)
}

/// The probe routes of every port.
pub(crate) fn probes() -> Router<Health> {
    Router::new()
        .route("/livez", get(|| async { Json(json!({"status": "UP"})) }))
        .route("/readyz", get(readyz))
        .route("/actuator/health", get(readyz))
}

async fn metrics(extract::State(health): extract::State<Health>, request: Request) -> Response {
    if health.has_admin_port.load(Ordering::Relaxed) {
        return unknown_path(request).await.into_response();
    }
    telemetry::render_metrics().into_response()
}

async fn readyz(extract::State(health): extract::State<Health>) -> Response {
    let Readiness { reason, components } = health.readiness().await;
    let mut body = json!({"status": "UP", "version": process::VERSION});
    if !components.is_empty() {
        body["components"] = components.into();
    }
    match reason {
        None => Json(body).into_response(),
        Some(reason) => {
            body["status"] = "DOWN".into();
            body["reason"] = reason.into();
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
