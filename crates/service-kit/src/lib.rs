//! The names that services still use for the crates below.

pub use ::process::{VERSION, crash};
pub use http_api::{accept, deadline, extract, hal, peers, problem, proxies, staff};
pub use http_server::{hold, hosts, overload, request_span};
pub use telemetry::{self, trace_context};
pub use upstream::circuit_breaker;
pub use upstream::{self, upstream_args};

pub mod api {
    pub use http_api::fallback::{document, panicked, unknown_path, wrong_method};
    pub use http_server::api::{wrap, wrap_with_limits};
}

pub mod body {
    pub use http_api::body_limit::{BODY_LIMIT_BYTES, BodyLimits, LARGE_BODY_LIMIT_BYTES, default_limits};
    pub use http_server::body::{Bodies, Memory};
}

pub mod config {
    pub use http_server::{Limits, Server};
    pub use process::{EXIT_CONFIG, parse};
}

pub mod connections {
    pub use http_connections::{Answers, HeadLimits};
    pub use http_server::Serves;
}

pub mod health {
    pub use http_server::health::{Health, router};
    pub use http_server::probes::is_probe;
}

pub mod process {
    pub use ::process::{Background, StartError, stop_signal};
    pub use http_server::{Listeners, bind, run, serve};
}

pub mod request_log {
    pub use http_api::request::{REQUEST_ID, current};
    pub use http_server::outliving::run_to_end as see_through;
    pub use http_server::request_log::{NewSpan, layer, log, record, report_route};
    pub use telemetry::chain;
}
