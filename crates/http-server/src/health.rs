//! `/livez`, `/readyz`, `/actuator/health`, `/metrics`: for probes and scrapers.
//!
//! A process that is not ready gets no requests, so readiness depends only on what every request needs: the process's own
//! database. Other components are shown, but do not decide. If another service is unreachable, only some requests need it, and
//! a breaker protects those. If the event log is unreachable, it is so for all replicas at once; bookings still succeed, and
//! their events wait in the outbox. Removing every replica from the load balancer would turn that delay into an outage.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http_api::fallback::unknown_path;
use serde_json::{Value, json};
use storage::Db;
use telemetry::chain;

/// Longest a readiness check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the state of a component, without waiting.
type Shown = Arc<dyn Fn() -> Value + Send + Sync>;

/// Whether this process should get traffic.
#[derive(Clone, Default)]
pub struct Health {
    draining: Arc<AtomicBool>,
    /// `/metrics` is on the admin port only.
    has_admin_port: Arc<AtomicBool>,
    db: Option<Db>,
    shown: Vec<(&'static str, Shown)>,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("draining", &self.draining).finish_non_exhaustive()
    }
}

impl Health {
    /// For a service: ready when its own database answers.
    pub fn of(db: &Db) -> Self {
        Self { db: Some(db.clone()), ..Self::default() }
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
        self.shown.push((component, Arc::new(move || self::component(&check()))));
        self
    }

    /// Adds a component whose `state` is shown unchanged, but does not decide: the breaker of another service.
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
        if let Some(db) = &self.db {
            let state = reach(db).await;
            components.insert(
                "db".to_owned(),
                match &state {
                    Ok(Some(refusal)) => json!({"status": "DEGRADED", "detail": refusal}),
                    Ok(None) => json!({"status": "UP"}),
                    Err(detail) => json!({"status": "DOWN", "detail": detail}),
                },
            );
            reason = state.err();
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

/// Returns `Some` reason if the database responds but refuses writes. The process stays ready then: all replicas share the
/// database, reads still work, and writes get 503.
async fn reach(db: &Db) -> Result<Option<String>, String> {
    match tokio::time::timeout(CHECK_TIMEOUT, db.refusal()).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_) => Err(format!("the database did not respond within {} s", CHECK_TIMEOUT.as_secs())),
    }
}

fn component(state: &Result<(), String>) -> Value {
    match state {
        Ok(()) => json!({"status": "UP"}),
        Err(detail) => json!({"status": "DOWN", "detail": detail}),
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

async fn metrics(State(health): State<Health>, request: Request) -> Response {
    if health.has_admin_port.load(Ordering::Relaxed) {
        return unknown_path(request).await.into_response();
    }
    telemetry::render_metrics().into_response()
}

async fn readyz(State(health): State<Health>) -> Response {
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
