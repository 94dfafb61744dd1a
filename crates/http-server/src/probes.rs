//! The paths of the probes.

/// Whether `path` is a probe route. The request log leaves these out, and overload never rejects them.
pub fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/actuator/health" | "/metrics")
}
