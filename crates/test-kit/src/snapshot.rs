//! Compares the OpenAPI description of a service with the checked-in one.

use std::path::Path;

use serde_json::Value;

/// Asserts that `description` equals `openapi.json` in the package at `manifest_dir`. Rewrites the file if
/// `UPDATE_SNAPSHOTS` is set.
pub fn assert_openapi(manifest_dir: &str, description: &Value) {
    let file = Path::new(manifest_dir).join("openapi.json");
    let mut current = serde_json::to_string_pretty(description).unwrap();
    current.push('\n');
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &current).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        reviewed == current,
        "{} is out of date: run with UPDATE_SNAPSHOTS=1 and review the change",
        file.display()
    );
    assert_eq!(description["openapi"], "3.1.0");
}
