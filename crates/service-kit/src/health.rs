//! `/livez`, `/readyz`, `/actuator/health`, `/metrics`: what probes and scrapers ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::json;
use storage::Db;

use crate::telemetry;

/// Longest a readiness check may take before it counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Whether this process should get traffic.
#[derive(Clone)]
pub struct Health {
    draining: Arc<AtomicBool>,
    check: Check,
}

impl Health {
    /// `check` asks whether the process's own database answers; it must not ask for anything else's health.
    pub fn new<F>(check: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        Self { draining: Arc::default(), check: Arc::new(check) }
    }

    /// For a service: ready when its own database answers.
    pub fn of(db: &Db) -> Self {
        let db = db.clone();
        Self::new(move || {
            let db = db.clone();
            Box::pin(async move { db.ping().await.map_err(|error| error.to_string()) })
        })
    }

    /// For a process that depends on nothing.
    pub fn always() -> Self {
        Self::new(|| Box::pin(async { Ok(()) }))
    }

    /// From here on the process wants no new traffic.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    async fn readiness(&self) -> Result<(), String> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining".to_owned());
        }
        match tokio::time::timeout(CHECK_TIMEOUT, (self.check)()).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer in {} s", CHECK_TIMEOUT.as_secs())),
        }
    }
}

/// The probe routes.
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(|| async { Json(json!({"status": "UP"})) }))
        .route("/readyz", get(readyz))
        .route("/actuator/health", get(readyz))
        .route("/metrics", get(|| async { telemetry::render_metrics() }))
        .with_state(health)
}

async fn readyz(State(health): State<Health>) -> Response {
    match health.readiness().await {
        Ok(()) => Json(json!({"status": "UP", "version": crate::VERSION})).into_response(),
        Err(reason) => {
            let body = json!({"status": "DOWN", "version": crate::VERSION, "reason": reason});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
