//! Receives the spans of the fleet over OTLP (HTTP, protobuf), unless the environment names a collector.
//!
//! It listens on this machine only, on a free port, which a file in the data directory names.

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;

use super::kept::{Kept, Step};
use crate::data_dir::{DataDir, open_private};
use crate::fleet;

/// Media type of OTLP.
const PROTOBUF: &str = "application/x-protobuf";
/// Maximum size of one request: the SDK sends at most 512 spans at a time.
const MAX_BODY_BYTES: usize = 8 << 20;

type Shared = Arc<Mutex<Kept>>;

/// Starts to receive spans, if no other collector is configured, and writes the address into the data
/// directory.
///
/// # Errors
///
/// When there is no port, or the file cannot be written.
pub async fn start(data_dir: &DataDir) -> io::Result<()> {
    let file = data_dir.collector_file();
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ if fleet::has_own_collector() => return Ok(()),
        _ => {}
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let mut out = open_private(File::options().write(true).create(true).truncate(true), &file)?;
    writeln!(out, "{address}")?;
    tokio::spawn(async move {
        // The launcher ends with all its children, so there is nobody left to wait for.
        drop(axum::serve(listener, router(address)).await);
    });
    Ok(())
}

fn router(address: SocketAddr) -> Router {
    Router::new()
        .route("/v1/traces", post(receive))
        .route("/bookings/{id}/steps", get(steps_of))
        .with_state(Shared::default())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(address, own_host))
}

/// Refuses a request for another host: a page in a browser on this machine could reach the port under a name
/// of its own.
async fn own_host(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if host == Some(address.to_string().as_str()) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

async fn receive(State(kept): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(CONTENT_TYPE).is_none_or(|media_type| media_type != PROTOBUF) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    lock(&kept).add(request);
    ([(CONTENT_TYPE, PROTOBUF)], ExportTraceServiceResponse::default().encode_to_vec()).into_response()
}

async fn steps_of(State(kept): State<Shared>, Path(booking): Path<i64>) -> Json<Vec<Vec<Step>>> {
    Json(lock(&kept).of_booking(booking))
}

fn lock(kept: &Shared) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
