//! Generates `asyncapi.json` and `schemas.json`, and compares them with the reviewed files.
//!
//! - `document`: the description in AsyncAPI.
//! - `schemas`: the JSON schema of each event, as the fleet writes it and as it reads it.

mod document;
mod schemas;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::catalog::Event;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns what the fleet writes for an event of the given type, with a value in every field.
fn golden(event_type: &str) -> Value {
    let file = package().join("tests/golden").join(format!("{event_type}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Asserts that a file contains `generated`. Rewrites the file if `UPDATE_SNAPSHOTS` is set.
fn assert_snapshot(file: &str, generated: &Value) {
    let file: PathBuf = package().join(file);
    let generated = serde_json::to_string_pretty(generated).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &generated).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        reviewed == generated,
        "{} is out of date: run with UPDATE_SNAPSHOTS=1 and review the change",
        file.display()
    );
}

#[test]
fn asyncapi_description_is_the_reviewed_one() {
    assert_snapshot("asyncapi.json", &document::document());
}

#[test]
fn schemas_are_the_reviewed_ones() {
    assert_snapshot("schemas.json", &schemas::all());
}

#[test]
fn description_contains_every_event_with_its_key_headers_and_an_example() {
    let document = document::document();
    for event_type in Event::TYPES {
        let message = &document["components"]["messages"][event_type];
        assert_eq!(message["examples"][0]["payload"], golden(event_type), "{event_type}");
        assert_eq!(message["bindings"]["kafka"]["key"]["pattern"], "^[1-9][0-9]*$", "{event_type}");
        assert_eq!(message["headers"]["properties"]["type"]["const"], *event_type, "{event_type}");
        let on_channel = &document["channels"]["movie"]["messages"][event_type]["$ref"];
        assert_eq!(on_channel, &json!(format!("#/components/messages/{event_type}")));
    }
}

#[test]
fn every_written_event_has_exactly_the_described_fields() {
    for (event_type, schema) in schemas::written() {
        let written = golden(event_type);
        let fields: Vec<&String> = written.as_object().unwrap().keys().collect();
        let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, described, "{event_type}");
    }
}

#[test]
fn only_fields_of_the_screening_may_be_absent() {
    for (event_type, schema) in schemas::written() {
        let is_required = |field: &str| schema["required"].as_array().unwrap().contains(&field.into());
        let absent: Vec<&str> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .filter(|field| !is_required(field))
            .collect();
        let screening = ["screeningId", "theatre", "hall", "startsAt", "endsAt"];
        assert!(absent.is_empty() || absent == screening, "{event_type}: {absent:?}");
    }
}

#[test]
fn schema_for_reading_accepts_what_the_original_services_write() {
    let read = schemas::read("Booked", &schemas::written()[0].1);
    assert_eq!(read["required"], json!(["eventType", "id"]));
    let numeric = json!({ "type": "string", "pattern": schemas::NUMERIC });
    let positive = json!({ "type": "string", "pattern": schemas::POSITIVE });
    assert_eq!(read["properties"]["id"], json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, positive] }),);
    assert_eq!(
        read["properties"]["qty"]["anyOf"],
        json!([{ "type": "null" }, { "type": "integer" }, numeric])
    );
    let scalars = ["null", "boolean", "number", "string"].map(|kind| json!({ "type": kind }));
    assert_eq!(read["properties"]["seat"]["anyOf"], json!(scalars));
    assert_eq!(
        read["properties"]["startsAt"]["anyOf"],
        json!([{ "type": "null" }, { "type": "string", "format": "date-time" }]),
    );
}
