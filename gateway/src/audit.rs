//! `GET /audit`, for staff: whether the services' records of each booking agree, as far as their REST
//! interfaces show.

mod query;

use std::sync::Arc;

use audit::auditor::{AuditError, Auditor};
use audit::{Kind, Report, Terms};
use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use http_api::extract::Query;
use http_api::problem::{self, Problem};
use http_api::proxies::Caller;
use http_api::staff::Staff;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;
use query::AuditQuery;

/// Bookings listed in a response. The other wrong ones are only counted.
const SHOWN: usize = 20;
/// When to retry while another audit is running.
const RETRY_AFTER_SECONDS: u64 = 10;

/// What `/audit` needs.
pub struct Audits {
    auditor: Auditor,
    staff: Staff,
}

impl Audits {
    pub fn new(config: &Config) -> Arc<Self> {
        for &kind in Kind::ALL {
            metrics::gauge!("audit_violations", "kind" => kind.to_string()).set(0.0);
        }
        let urls = [
            &config.book_url,
            &config.payment_url,
            &config.ticket_url,
            &config.point_url,
            &config.mypage_url,
        ];
        // Replicas share a database, so one of each service is enough.
        let urls = urls.map(|replicas| replicas.iter().take(1).map(ToString::to_string).collect());
        Arc::new(Self { auditor: Auditor::new(urls), staff: config.staff.clone() })
    }
}

/// The route and its description.
pub fn routes<S: Clone + Send + Sync + 'static>(audits: Arc<Audits>) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(show)).with_state(audits)
}

/// Compares what the services store about each booking, and reports contradictions.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "auditBookings",
    tag = "fleet",
    params(AuditQuery, ("X-Staff-Token" = String, Header, description = "The staff's token")),
    responses(
        (status = OK, description = "The number of violations by kind, the first wrong bookings with all their records, and what the audit could not see", body = Object),
        (status = FORBIDDEN, description = "No staff token, or a wrong one", body = problem::Body, content_type = "application/problem+json"),
        (status = TOO_MANY_REQUESTS, description = "Too many wrong tokens from one address; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = SERVICE_UNAVAILABLE, description = "A service does not respond, or another audit is running; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = UNPROCESSABLE_ENTITY, description = "An invalid limit or settleSeconds", body = problem::Body, content_type = "application/problem+json"),
    )
)]
async fn show(
    State(audits): State<Arc<Audits>>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Problem> {
    audits.staff.check(&caller, &headers)?;
    let (limit, settle) = (query.limit()?, query.settle()?);
    let report = audits.auditor.audit(Terms { settle, shown: SHOWN }, limit).await.map_err(refusal)?;
    measure(&report);
    Ok(Json(json!(report)))
}

/// Publishes what the last audit found.
fn measure(report: &Report) {
    for &kind in Kind::ALL {
        let count = report.violations.get(&kind).copied().unwrap_or_default();
        metrics::gauge!("audit_violations", "kind" => kind.to_string()).set(count as f64);
    }
}

fn refusal(error: AuditError) -> Problem {
    let problem = match error {
        AuditError::InProgress => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "audit-in-progress",
            "Another audit is running. Please try again shortly.",
        ),
        error => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "A service does not respond.")
                .caused_by(error)
        }
    };
    problem.retry_after(RETRY_AFTER_SECONDS)
}
