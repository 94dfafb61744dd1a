//! `/status`: whether each service is up; for staff, the state of each replica.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::State;
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use http_api::problem::{self, Problem};
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

/// Maximum wait for the body of a readiness response after its head.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum size of such a body; those of the fleet are below 1 KiB.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024;

/// How long the responses of the services are reused for further requests.
const FRESH_FOR: Duration = Duration::from_millis(250);

/// The state of the fleet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FleetStatus)]
pub struct Status {
    /// The services, in the order of their ports.
    upstreams: Vec<UpstreamStatus>,
}

/// The state of a service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceStatus)]
struct UpstreamStatus {
    /// The name of the service.
    #[schema(example = "book")]
    name: &'static str,
    /// Up if one of its replicas is.
    status: Readiness,
    /// Its replicas, for staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    replicas: Option<Vec<ReplicaStatus>>,
}

/// The state of a replica.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ReplicaStatus {
    /// The address that the gateway uses.
    #[schema(example = "http://127.0.0.1:8081")]
    url: String,
    status: Readiness,
    /// Whether the gateway currently sends it no requests.
    ejected: bool,
    /// The version of the process, if it reports one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "0.1.0")]
    version: Option<String>,
    /// Why the replica is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// The dependencies that the process reports: its database, the event log, and the circuit breaker of
    /// each service that it calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"db": {"status": "UP"}, "payment": {"status": "UP", "breaker": "closed"}}))]
    components: Option<Map<String, Value>>,
}

/// Whether a process is ready for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Readiness {
    Up,
    Down,
}

/// A service's response at `/readyz`.
#[derive(Debug, Deserialize)]
struct Answer {
    status: Readiness,
    version: Option<String>,
    reason: Option<String>,
    components: Option<Map<String, Value>>,
}

/// The state of `/status`.
#[derive(Clone)]
pub struct Overview {
    pub upstreams: Arc<[Arc<Upstream>]>,
    staff: Staff,
    latest: Arc<Mutex<Option<Latest>>>,
}

/// The last responses of all services, and their time.
struct Latest {
    at: Instant,
    services: Arc<[(&'static str, Vec<ReplicaStatus>)]>,
}

impl Overview {
    pub fn new(upstreams: Arc<[Arc<Upstream>]>, staff: Staff) -> Self {
        Self { upstreams, staff, latest: Arc::default() }
    }

    /// Returns the replicas of each service. Concurrent requests share the services' responses, and so do
    /// requests that soon follow: a service queries its database for each response.
    async fn services(&self) -> Arc<[(&'static str, Vec<ReplicaStatus>)]> {
        let mut latest = self.latest.lock().await;
        if let Some(Latest { at, services }) = &*latest
            && at.elapsed() < FRESH_FOR
        {
            return services.clone();
        }
        let asked = self.upstreams.iter().map(|upstream| async {
            (upstream.name, join_all(upstream.replicas.iter().map(query_replica)).await)
        });
        let services: Arc<[_]> = join_all(asked).await.into();
        *latest = Some(Latest { at: Instant::now(), services: services.clone() });
        services
    }
}

/// Reports whether each service is up.
///
/// The state is at most a quarter of a second old. Staff also get each replica: its address, version and
/// components, and why it is not ready.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "showStatus",
    tag = "fleet",
    params(("X-Staff-Token" = Option<String>, Header, description = "The staff's token, to see the replicas")),
    responses(
        (status = OK, body = Status, description = "The state of each service. The status is 200 even if services are down."),
        (status = FORBIDDEN, description = "A wrong token", body = problem::Body, content_type = "application/problem+json"),
        (status = TOO_MANY_REQUESTS, description = "Too many wrong tokens from one address; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
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

async fn query_replica(replica: &Replica) -> ReplicaStatus {
    let answer = readiness(replica).await.unwrap_or_else(|reason| Answer {
        status: Readiness::Down,
        version: None,
        reason: Some(reason),
        components: None,
    });
    ReplicaStatus {
        url: replica.url.to_string(),
        status: answer.status,
        ejected: replica.is_ejected(),
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
        .map_err(|_| format!("incomplete response after {} s", BODY_TIMEOUT.as_secs()))?
        .map_err(|error| chain(&error))?;
    // Another program may listen there: only a response in the form of the fleet's processes counts.
    match serde_json::from_slice(&body) {
        Ok(answer) if matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE) => Ok(answer),
        _ => Err(format!("unexpected response {} at /readyz", status.as_u16())),
    }
}
