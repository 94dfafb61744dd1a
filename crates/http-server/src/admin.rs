//! The admin port: probes and metrics, with connections of their own.

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use http_api::fallback::{unknown_path, wrong_method};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Limits, Server};
use crate::health::{Health, probes};
use crate::{port, request_log, request_span};

/// Connections to the admin port at the same time.
const CONNECTIONS: usize = 64;
/// Maximum time a response on the admin port may take once the process stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves the admin port.
pub struct Admin {
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Admin {
    /// Serves `listener`. From here on, `/metrics` is on the admin port only.
    pub fn start(listener: TcpListener, health: &Health, server: &Server) -> Self {
        health.move_metrics();
        let stop = CancellationToken::new();
        let (health, exempt, stopped) = (health.clone(), server.exempt(), stop.clone());
        let limits =
            Limits { max_connections: CONNECTIONS, max_connections_per_peer: 0, ..server.limits.clone() };
        let router = router(health.clone());
        let serving = tokio::spawn(async move {
            port::serve(listener, router, health, &limits, exempt, stopped).await;
        });
        Self { stop, serving }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        let mut serving = self.serving;
        if tokio::time::timeout(STOP_TIMEOUT, &mut serving).await.is_err() {
            serving.abort();
        }
    }
}

/// All routes of the admin port.
fn router(health: Health) -> Router {
    probes()
        .route("/metrics", get(|| async { telemetry::render_metrics() }))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .with_state(health)
        .layer(from_fn_with_state(request_span!(), request_log::layer))
}
