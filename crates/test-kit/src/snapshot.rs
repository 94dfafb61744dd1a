//! Compares the OpenAPI description of a service with the checked-in one.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Asserts that `description` equals `openapi.json` in the package at `manifest_dir`, and that clients can be
/// generated from it. Rewrites the file if `UPDATE_SNAPSHOTS` is set.
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
    assert_generates_clients(description);
}

/// Asserts that each operation has an id of its own and documents its failures, that each `$ref` has a target,
/// and that each status is one of a list.
fn assert_generates_clients(description: &Value) {
    let mut ids = BTreeSet::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is the id of two operations");
            for status in ["400", "408", "413", "415", "421", "500", "503", "504"] {
                let answer = &operation["responses"][status];
                assert!(answer.is_object(), "{method} {path} does not document {status}");
            }
        }
    }
    for reference in references(description) {
        let target = description.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference} has no target");
    }
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        let status = &schema["properties"]["status"];
        assert_ne!(status["type"], "string", "the status of {name} is any text");
    }
}

fn references(part: &Value) -> Vec<&str> {
    match part {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
