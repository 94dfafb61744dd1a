//! The JSON schemas of the events.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::golden;
use crate::catalog::Event;
use crate::envelope::decode;

/// A whole number as text, as [`lenient`](crate::lenient) reads it.
pub const NUMERIC: &str = r"^(\+|-)?[0-9]+$";
/// A whole number above zero as text.
pub const POSITIVE: &str = r"^\+?0*[1-9][0-9]*$";

/// Returns the schemas of all events by type, as `written` and as `read`, with the version of the fleet.
pub fn all() -> Value {
    let events: Map<String, Value> = written()
        .into_iter()
        .map(|(event_type, written)| {
            let read = read(event_type, &written);
            (event_type.to_owned(), json!({ "written": written, "read": read }))
        })
        .collect();
    json!({ "version": env!("CARGO_PKG_VERSION"), "events": events })
}

/// Returns the schema of what the fleet writes for each event.
pub fn written() -> Vec<(&'static str, Value)> {
    let settings = SchemaSettings::draft07().for_serialize().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    Event::schemas(&mut settings.into_generator())
        .into_iter()
        .map(|(event_type, fields)| (event_type, in_envelope(event_type, fields.into())))
        .collect()
}

/// Adds the fields of the envelope to the schema of an event's own fields.
fn in_envelope(event_type: &str, mut fields: Value) -> Value {
    without_defaults(&mut fields);
    let mut properties = Map::new();
    properties.insert("eventType".to_owned(), json!({ "type": "string", "const": event_type }));
    properties.insert(
        "timestamp".to_owned(),
        json!({
            "type": "string",
            "pattern": "^[0-9]{14}$",
            "description": "When the event happened: `yyyyMMddHHmmss`, in UTC if this fleet wrote it. \
                            The header `ce_time` is more precise.",
        }),
    );
    properties.extend(fields["properties"].as_object().unwrap().clone());
    properties.insert(
        "me".to_owned(),
        json!({
            "type": "boolean",
            "const": true,
            "description": "The original services compute this field while reading. Ignore it.",
        }),
    );
    let own = fields["required"].as_array().unwrap().iter().cloned();
    let required: Vec<Value> = [json!("eventType"), json!("timestamp")].into_iter().chain(own).collect();
    json!({
        "title": event_type,
        "description": fields["description"],
        "type": "object",
        "properties": properties,
        "required": Value::Array([required, vec![json!("me")]].concat()),
    })
}

/// Removes the defaults, which only matter for reading.
fn without_defaults(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.shift_remove("default");
            fields.values_mut().for_each(without_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

/// Returns the schema of what the fleet reads as an event, found by reading the event with other values in
/// each of its fields.
pub fn read(event_type: &str, written: &Value) -> Value {
    let mut properties = Map::new();
    let mut required = vec!["eventType"];
    let described = written["properties"].as_object().unwrap();
    properties.insert("eventType".to_owned(), described["eventType"].clone());
    for field in described.keys().filter(|field| *field != "eventType") {
        let is_read = |value: Option<Value>| {
            let mut event = golden(event_type);
            let fields = event.as_object_mut().unwrap();
            match value {
                Some(value) => fields.insert(field.clone(), value),
                None => fields.shift_remove(field),
            };
            decode(event.to_string().as_bytes()).is_ok_and(|decoded| decoded.event.is_some())
        };
        if !is_read(None) {
            required.push(field);
        }
        properties.insert(field.clone(), accepted(|value| is_read(Some(value))));
    }
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Returns the schema of the values that `is_read` accepts.
fn accepted(is_read: impl Fn(Value) -> bool) -> Value {
    let any = [json!(null), json!(true), json!(-7), json!(1.5), json!("soul"), json!([7]), json!({ "a": 7 })];
    if any.into_iter().all(&is_read) {
        return json!({});
    }
    let mut kinds = Vec::new();
    if is_read(json!(null)) {
        kinds.push(json!({ "type": "null" }));
    }
    if is_read(json!(true)) && is_read(json!(false)) {
        kinds.push(json!({ "type": "boolean" }));
    }
    if is_read(json!(1.5)) && is_read(json!(-7)) {
        kinds.push(json!({ "type": "number" }));
    } else if is_read(json!(i64::MAX)) && is_read(json!(-7)) {
        kinds.push(json!({ "type": "integer" }));
    } else if is_read(json!(i64::MAX)) && is_read(json!(1)) {
        kinds.push(json!({ "type": "integer", "minimum": 1 }));
    }
    if is_read(json!("soul")) {
        kinds.push(json!({ "type": "string" }));
    } else if is_read(json!("7")) {
        let pattern = if is_read(json!("-7")) { NUMERIC } else { POSITIVE };
        kinds.push(json!({ "type": "string", "pattern": pattern }));
    } else if is_read(json!("2026-12-01T19:30:00Z")) {
        kinds.push(json!({ "type": "string", "format": "date-time" }));
    }
    assert!(!kinds.is_empty(), "no value of this field is read");
    json!({ "anyOf": kinds })
}
