//! `GET /audit`, for staff: whether the services tell one story of every booking, as far as their REST interface shows it.

mod query;

use std::sync::Arc;

use audit::rest::{Rest, RestError};
use audit::{Kind, Report, Terms};
use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use service_kit::extract::Query;
use service_kit::problem::Problem;
use service_kit::proxies::Caller;
use service_kit::staff::Staff;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::Config;
use crate::loops;
use query::AuditQuery;

/// Stories of one answer; the rest is counted.
const SHOWN: usize = 20;
/// When to come again while another audit runs.
const RETRY_AFTER_SECONDS: u64 = 10;

/// Audits, one at a time.
pub struct Auditor {
    /// Where book, payment, ticket, point and mypage answer.
    urls: [String; 5],
    staff: Staff,
    running: Arc<Mutex<()>>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error("no thread for an audit")]
    NoThread(#[from] std::io::Error),
    #[error("the client has hung up")]
    HungUp,
}

impl Auditor {
    pub fn new(config: &Config) -> Arc<Self> {
        for kind in Kind::ALL {
            metrics::gauge!("audit_violations", "kind" => kind.to_string()).set(0.0);
        }
        let urls = [
            &config.book_url,
            &config.payment_url,
            &config.ticket_url,
            &config.point_url,
            &config.mypage_url,
        ];
        // Replicas share what they keep, so one of each is enough.
        let urls = urls.map(|replicas| replicas.iter().take(1).map(ToString::to_string).collect());
        Arc::new(Self { urls, staff: config.staff.clone(), running: Arc::default() })
    }

    /// Audits on a thread of its own: the loops go on serving clients. Dropping this ends the audit.
    async fn audit(&self, terms: Terms, limit: u64) -> Result<Report, Problem> {
        let turn = self.running.clone().try_lock_owned().map_err(|_| in_progress())?;
        let urls = self.urls.clone();
        let hung_up = CancellationToken::new();
        let _hangs_up = hung_up.clone().drop_guard();
        let audit = loops::apart("audit", async move || {
            let _turn = turn;
            let rest = Rest::new(urls);
            tokio::select! {
                report = rest.audit(terms, limit) => report.map_err(AuditError::from),
                () = hung_up.cancelled() => Err(AuditError::HungUp),
            }
        });
        audit.await.map_err(AuditError::from).flatten().map_err(|error| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-unavailable", "A service does not answer.")
                .retry_after(RETRY_AFTER_SECONDS)
                .caused_by(error)
        })
    }
}

/// The route, with its description.
pub fn routes<S: Clone + Send + Sync + 'static>(auditor: Arc<Auditor>) -> OpenApiRouter<S> {
    OpenApiRouter::new().routes(routes!(show)).with_state(auditor)
}

/// Compares what the services keep of every booking, and tells what does not fit together.
#[utoipa::path(
    get,
    path = "/audit",
    params(AuditQuery, ("X-Staff-Token" = String, Header, description = "The staff's token")),
    responses(
        (status = OK, description = "What is wrong, by kind; the first bookings that are, each with its whole story; and what cannot be seen from here", body = Object),
        (status = FORBIDDEN, description = "Not staff"),
        (status = TOO_MANY_REQUESTS, description = "Too many wrong tokens from one address; see Retry-After"),
        (status = SERVICE_UNAVAILABLE, description = "A service does not answer, or another audit runs; see Retry-After"),
    )
)]
async fn show(
    State(auditor): State<Arc<Auditor>>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Problem> {
    auditor.staff.check(&caller, &headers)?;
    let (limit, settle) = (query.limit()?, query.settle()?);
    let report = auditor.audit(Terms { settle, shown: SHOWN }, limit).await?;
    measure(&report);
    Ok(Json(json!(report)))
}

/// What the last audit found.
fn measure(report: &Report) {
    for kind in Kind::ALL {
        let count = report.violations.get(&kind).copied().unwrap_or_default();
        metrics::gauge!("audit_violations", "kind" => kind.to_string()).set(count as f64);
    }
}

fn in_progress() -> Problem {
    let detail = "Another audit is running. Please try again a little later.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "audit-in-progress", detail)
        .retry_after(RETRY_AFTER_SECONDS)
}
