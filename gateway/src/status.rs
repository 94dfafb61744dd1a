//! Whether each service is up; for staff, what each of its replicas reports.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::State;
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use http_api::problem::Problem;
use http_api::proxies::Caller;
use http_api::staff::Staff;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use telemetry::chain;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::proxy::Upstream;
use crate::replicas::Replica;

/// Longest wait for the rest of a service's word on its readiness, once it has begun.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest such answer; ours are under 1 KiB.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024;

/// How long the services' answers serve further requests.
const FRESH_FOR: Duration = Duration::from_millis(250);

#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    /// In the order of their ports.
    upstreams: Vec<UpstreamStatus>,
}

#[derive(Debug, Serialize, ToSchema)]
struct UpstreamStatus {
    #[schema(example = "book")]
    name: &'static str,
    /// Up if one of its replicas is.
    status: Readiness,
    /// For staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    replicas: Option<Vec<ReplicaStatus>>,
}

#[derive(Clone, Debug, Serialize, ToSchema)]
struct ReplicaStatus {
    /// Where the gateway looks for it.
    #[schema(example = "http://127.0.0.1:8081")]
    url: String,
    status: Readiness,
    /// Whether it gets no requests for now.
    ejected: bool,
    /// What runs there, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.1.0")]
    version: Option<String>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What it depends on, in its own words: its database, the event log, and of each service that it calls the state of
    /// the circuit breaker in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, example = json!({"db": {"status": "UP"}, "payment": {"status": "UP", "breaker": "closed"}}))]
    components: Option<Map<String, Value>>,
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
    components: Option<Map<String, Value>>,
}

/// What `/status` is made from.
#[derive(Clone)]
pub struct Overview {
    pub upstreams: Arc<[Arc<Upstream>]>,
    staff: Staff,
    latest: Arc<Mutex<Option<Latest>>>,
}

/// The last answers of all services, and when they were asked for.
struct Latest {
    at: Instant,
    services: Arc<[(&'static str, Vec<ReplicaStatus>)]>,
}

impl Overview {
    pub fn new(upstreams: Arc<[Arc<Upstream>]>, staff: Staff) -> Self {
        Self { upstreams, staff, latest: Arc::default() }
    }

    /// The replicas of each service. Requests that come at once, or soon after another, share the answers: each service
    /// asks its database for one.
    async fn services(&self) -> Arc<[(&'static str, Vec<ReplicaStatus>)]> {
        let mut latest = self.latest.lock().await;
        if let Some(Latest { at, services }) = &*latest
            && at.elapsed() < FRESH_FOR
        {
            return services.clone();
        }
        let asked = self.upstreams.iter().map(|upstream| async {
            (upstream.name, join_all(upstream.replicas.iter().map(ask_replica)).await)
        });
        let services: Arc<[_]> = join_all(asked).await.into();
        *latest = Some(Latest { at: Instant::now(), services: services.clone() });
        services
    }
}

/// The state of the fleet, a quarter of a second old at most. Its replicas, with addresses, versions and
/// reasons, are shown to staff alone.
#[utoipa::path(
    get,
    path = "/status",
    params(("X-Staff-Token" = Option<String>, Header, description = "The staff's token, to see the replicas")),
    responses(
        (status = OK, body = Status, description = "Each service's state. A service that is down does not change the status."),
        (status = FORBIDDEN, description = "A wrong token"),
        (status = TOO_MANY_REQUESTS, description = "Too many wrong tokens from one address; see Retry-After"),
    )
)]
pub async fn status(
    State(overview): State<Overview>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Status>, Problem> {
    let is_staff = Staff::is_claimed(&headers);
    if is_staff {
        overview.staff.check(&caller, &headers)?;
    }
    let services = overview.services().await;
    let upstreams = services.iter().map(|(name, replicas)| UpstreamStatus::new(name, replicas, is_staff));
    Ok(Json(Status { upstreams: upstreams.collect() }))
}

impl UpstreamStatus {
    fn new(name: &'static str, replicas: &[ReplicaStatus], with_replicas: bool) -> Self {
        let is_up = replicas.iter().any(|replica| replica.status == Readiness::Up);
        let status = if is_up { Readiness::Up } else { Readiness::Down };
        Self { name, status, replicas: with_replicas.then(|| replicas.to_vec()) }
    }
}

async fn ask_replica(replica: &Replica) -> ReplicaStatus {
    let answer = readiness(replica).await.unwrap_or_else(|reason| Answer {
        status: Readiness::Down,
        version: None,
        reason: Some(reason),
        components: None,
    });
    ReplicaStatus {
        url: replica.url.to_string(),
        status: answer.status,
        ejected: replica.is_left_out(),
        version: answer.version,
        reason: answer.reason,
        components: answer.components,
    }
}

async fn readiness(replica: &Replica) -> Result<Answer, String> {
    let response = replica.get("/readyz").await?;
    let status = response.status();
    let reading = to_bytes(response.into_body(), ANSWER_LIMIT_BYTES);
    let body = timeout(BODY_TIMEOUT, reading)
        .await
        .map_err(|_| format!("no whole answer in {} s", BODY_TIMEOUT.as_secs()))?
        .map_err(|error| chain(&error))?;
    // Something else may listen there: only who answers as the fleet's processes do is taken at its word.
    match serde_json::from_slice(&body) {
        Ok(answer) if matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) => Ok(answer),
        _ => Err(format!("answered {} at /readyz, not its readiness", status.as_u16())),
    }
}
