//! The fleet's single entry point: one address for the five services, their documentation and their state.
//!
//! # Layout
//!
//! In the order in which a request passes them:
//!
//! - [`config`]: the port, the services' addresses, limits, and allowed origins.
//! - [`loops`]: one event loop per core; a new connection goes to the least busy one.
//! - [`front`]: the function that handles a request, and calls all that follows.
//! - [`table`]: the services, and the paths that lead to them.
//! - [`routes`]: the gateway's own routes.
//! - [`bulkheads`]: limits of concurrent requests to each service, and of their bodies.
//! - [`client`]: the client of a request, and the address under which it reached the fleet.
//! - [`rate_limit`]: the limit of requests per client.
//! - [`cors`]: CORS headers and preflights.
//! - [`proxy`]: forwards a request, and responds with a problem if that fails.
//! - [`replicas`]: picks the replica that gets a request, and ejects replicas that fail.
//! - [`headers`]: headers that are forwarded, and headers that are not.
//! - [`pages`]: security headers for browsers on the gateway's own responses.
//! - [`root`]: the API's root, with links to everything.
//! - [`problems`]: a page about each type of problem.
//! - [`docs`]: Swagger UI, and the descriptions of each service.
//! - [`description`]: the description of the whole fleet.
//! - [`status`]: whether each service is up; for staff, the state of each replica.
//! - [`audit`]: whether the services' records agree, for staff.

pub mod audit;
pub mod bulkheads;
pub mod client;
pub mod config;
pub mod cors;
pub mod description;
pub mod docs;
pub mod front;
pub mod headers;
pub mod loops;
pub mod pages;
pub mod problems;
pub mod proxy;
pub mod rate_limit;
pub mod replicas;
pub mod root;
pub mod routes;
pub mod status;
pub mod table;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use http_server::Listeners;
use http_server::health::Health;
use process::StartError;
use tokio_util::sync::CancellationToken;

use crate::audit::Audits;
use crate::bulkheads::Bulkheads;
use crate::client::Clients;
pub use crate::config::Config;
use crate::cors::Cors;
use crate::front::Front;
use crate::loops::Loops;
use crate::proxy::Upstream;
use crate::rate_limit::RateLimit;
use crate::replicas::Replicas;
use crate::status::Overview;

/// Runs the process from its command line to its exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Configuration, telemetry and signals come first, the same way in every process.
    http_server::run(args, |config: &Config| &config.server, run)
}

async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    config
        .staff
        .check_length(config.server.host)
        .map_err(|short| StartError::Configuration(short.to_string()))?;

    // Bind the port. The start can fail here only if another process uses it.
    let listeners = http_server::bind(&config.server, config.port).await?;

    // Start one event loop per core.
    let loops = Loops::start().map_err(|error| StartError::new("cannot start an event loop", error))?;

    // Serve until the process is stopped. No service has to be ready: without it, its requests get 503.
    serve(listeners, loops, &config, stop).await;
    Ok(())
}

/// Serves on `listeners` with `loops` until `stop`, then ends event streams and lets running requests finish.
pub async fn serve(listeners: impl Into<Listeners>, loops: Loops, config: &Config, stop: CancellationToken) {
    // The callers are on the internet.
    telemetry::distrust_callers();
    let health = Health::always();
    let upstreams: Arc<[Arc<Upstream>]> = table::TABLE
        .iter()
        .map(|entry| {
            let replicas = Replicas::new(entry.name, (entry.urls)(config), config.upstream_timeout());
            Arc::new(Upstream::new(entry.name, replicas, stop.clone()))
        })
        .collect();
    for upstream in upstreams.iter() {
        tokio::spawn(upstream.replicas.clone().probe(stop.clone()));
    }
    let rate_limit = RateLimit::of(config).map(Arc::new);
    if let Some(rate_limit) = rate_limit.clone() {
        tokio::spawn(rate_limit.forget(stop.clone()));
    }
    let overview = Overview::new(upstreams.clone(), config.staff.clone());
    let own = Arc::new(routes::own(overview, Audits::new(config), health.clone()));
    let cors = Cors::new(&config.cors_allowed_origins);
    let bulkheads = Bulkheads::new(&config.server.limits);
    let clients = Clients::new(config.server.trusted_proxies.clone(), config.public_url.clone());
    let hosts = config.server.allowed_hosts.configured();
    let front = Front { upstreams, own, bulkheads, cors, clients, hosts, rate_limit, loops };
    http_server::serve(listeners, front, health, &config.server, stop).await;
}
