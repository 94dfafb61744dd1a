//! The fleet's front door: one address for the five services, their documentation and their state.
//!
//! # Layout
//!
//! In the order a request meets them:
//!
//! - [`config`]: where to listen, where the services are, who may call from a browser.
//! - [`loops`]: an event loop a core, and which of them a new connection gets.
//! - [`front`]: the way of a request through all that follows.
//! - [`routes`]: which path goes where, and what the gateway answers itself.
//! - [`bulkheads`]: the places for requests to each service, and how large their bodies may be.
//! - [`client`]: the client of a request, and the address under which it reached the fleet.
//! - [`rate_limit`]: how many requests one client may send.
//! - [`cors`]: what a browser may do here from a page of another origin.
//! - [`proxy`]: the forwarding, and what the client is told when it fails.
//! - [`replicas`]: which process of a service gets a request, and which gets none for now.
//! - [`headers`]: which headers travel with a request and an answer, and which do not.
//! - [`pages`]: what a browser may do with an answer that the gateway makes itself.
//! - [`docs`]: Swagger UI over the services' own descriptions, and the gateway's.
//! - [`status`]: whether each service is up; for staff, what each of its replicas reports.
//! - [`audit`]: whether they tell one story, for staff.

pub mod audit;
pub mod bulkheads;
pub mod client;
pub mod config;
pub mod cors;
pub mod docs;
pub mod front;
pub mod headers;
pub mod loops;
pub mod pages;
pub mod proxy;
pub mod rate_limit;
pub mod replicas;
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

/// From the command line to the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Configuration, telemetry and signals come first, the same way in every process.
    http_server::run(args, |config: &Config| &config.server, run)
}

async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    config
        .staff
        .check_length(config.server.host)
        .map_err(|short| StartError::Configuration(short.to_string()))?;

    // Take the port: another gateway on it is the one thing that can fail here.
    let listeners = http_server::bind(&config.server, config.port).await?;

    // Start a thread a core.
    let loops = Loops::start().map_err(|error| StartError::new("no thread for an event loop", error))?;

    // Serve until asked to stop. The gateway needs no service to be ready: each answer tells of its own.
    serve(listeners, loops, &config, stop).await;
    Ok(())
}

/// Serves on `listeners` with `loops` until `stop`, then lets running requests finish and ends event streams.
pub async fn serve(listeners: impl Into<Listeners>, loops: Loops, config: &Config, stop: CancellationToken) {
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
