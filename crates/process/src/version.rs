//! The version of the build.

/// The version that `--version` and `/readyz` report. A shipped build sets it by `MARQUEE_VERSION`.
pub const VERSION: &str = match option_env!("MARQUEE_VERSION") {
    Some(version) if !version.is_empty() => version,
    _ => env!("CARGO_PKG_VERSION"),
};
