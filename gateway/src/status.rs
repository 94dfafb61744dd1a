//! Whether each service is ready.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use futures_util::future::join_all;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use service_kit::request_log::chain;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::proxy::Upstream;

/// Longest wait for a service's word on its readiness.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest such answer; ours are under 200 bytes.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024;

#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// In the order of their ports.
    upstreams: Vec<UpstreamStatus>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpstreamStatus {
    #[schema(example = "book")]
    name: &'static str,
    /// Where the gateway looks for it.
    #[schema(example = "http://127.0.0.1:8081")]
    url: String,
    status: Readiness,
    /// What runs there, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.1.0")]
    version: Option<String>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Readiness {
    Up,
    Down,
}

/// A service's answer at `/readyz`.
#[derive(Debug, Deserialize)]
struct Answer {
    status: Readiness,
    version: Option<String>,
    reason: Option<String>,
}

/// The state of the fleet: every service is asked at once, now.
#[utoipa::path(get, path = "/status", responses(
    (status = OK, body = Status, description = "Each service's state. A service that is down does not change the status."),
))]
pub async fn status(State(upstreams): State<Arc<[Arc<Upstream>]>>) -> Json<Status> {
    let upstreams = join_all(upstreams.iter().map(|upstream| ask(upstream))).await;
    Json(Status { upstreams })
}

async fn ask(upstream: &Upstream) -> UpstreamStatus {
    let answer = match timeout(ANSWER_TIMEOUT, readiness(upstream)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => down(reason),
        Err(_) => down(format!("no answer in {} s", ANSWER_TIMEOUT.as_secs())),
    };
    UpstreamStatus {
        name: upstream.name,
        url: upstream.url.to_string(),
        status: answer.status,
        version: answer.version,
        reason: answer.reason,
    }
}

async fn readiness(upstream: &Upstream) -> Result<Answer, String> {
    let response = upstream.client.get(upstream.url.at("/readyz")).await.map_err(|error| chain(&error))?;
    let status = response.status();
    let body =
        to_bytes(Body::new(response.into_body()), ANSWER_LIMIT_BYTES).await.map_err(|error| chain(&error))?;
    // Something else may listen there: only who answers as the fleet's processes do is taken at its word.
    match serde_json::from_slice(&body) {
        Ok(answer) if matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) => Ok(answer),
        _ => Err(format!("answered {} at /readyz, not its readiness", status.as_u16())),
    }
}

fn down(reason: String) -> Answer {
    Answer { status: Readiness::Down, version: None, reason: Some(reason) }
}
