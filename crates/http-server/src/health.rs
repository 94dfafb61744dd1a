//! `/livez`, `/readyz`, `/actuator/health`, `/metrics`: what probes and scrapers ask.
//!
//! A process that is not ready gets no requests, so readiness asks only for what every request needs: its own database.
//! What else it uses is shown and does not decide. Another service may be away: what does not need it goes on, and a breaker
//! looks after what does. The event log may be away: all replicas lose it at once, bookings go on without it (their
//! events wait in the outbox), and to take every replica out of the load balancer would turn a delay into an outage.

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
/// How a component is at the moment, without waiting for anything.
type Look = Arc<dyn Fn() -> Value + Send + Sync>;

/// Whether this process should get traffic.
#[derive(Clone, Default)]
pub struct Health {
    draining: Arc<AtomicBool>,
    /// `/metrics` is on the admin port alone.
    has_admin_port: Arc<AtomicBool>,
    db: Option<Db>,
    shown: Vec<(&'static str, Look)>,
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

    /// With a component that is shown, and does not decide; `look` says what is wrong with it.
    pub fn showing(
        mut self,
        component: &'static str,
        look: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.shown.push((component, Arc::new(move || self::component(&look()))));
        self
    }

    /// With a component whose `state` is shown as it is, and does not decide: the breaker of another service.
    pub fn showing_state(
        mut self,
        component: &'static str,
        state: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Self {
        self.shown.push((component, Arc::new(state)));
        self
    }

    /// From here on the process wants no new traffic.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// From here on `/metrics` is not shown on the main port.
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
        for (name, look) in &self.shown {
            components.insert((*name).to_owned(), look());
        }
        if self.is_draining() {
            reason = Some("draining".to_owned());
        }
        Readiness { reason, components }
    }
}

struct Readiness {
    /// Why it is not ready.
    reason: Option<String>,
    components: serde_json::Map<String, Value>,
}

/// `Some` is why the database, which answers, refuses writes. That does not make the process unready: all replicas share
/// the database, reads go on, and a write is answered with 503.
async fn reach(db: &Db) -> Result<Option<String>, String> {
    match tokio::time::timeout(CHECK_TIMEOUT, db.refusal()).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_) => Err(format!("the database gave no answer in {} s", CHECK_TIMEOUT.as_secs())),
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
