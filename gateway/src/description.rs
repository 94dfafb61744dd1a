//! The description of the whole fleet, as clients see it at the gateway: the gateway's own routes and those
//! that it forwards to the services.
//!
//! It contains the descriptions of the services of this release. It does not depend on whether they are
//! running, so that it is always complete: a client that is generated from a part of it would lack methods.

use std::sync::Arc;

use axum::body::Bytes;
use http_api::description::{FOREIGN_ORIGIN, complete};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use crate::table::{TABLE, target};

/// Answers of the gateway to any request, besides those that its services give too: status, name of the
/// component, and description.
const ANSWERS: [(&str, &str, &str); 2] = [
    (
        "429",
        "RateLimited",
        "Too many requests. Nothing changed: send the same request again after `Retry-After` seconds.",
    ),
    (
        "502",
        "BrokenAnswer",
        "A service's answer was lost. The outcome is unknown: check before you repeat the request.",
    ),
];

/// The description, serialized.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Everything behind `servers`, without the opening brace.
    rest: Arc<str>,
}

impl Fleet {
    /// Describes the fleet, of which `own` describes the gateway itself.
    pub fn new(own: OpenApi) -> Self {
        let whole = merged(own).to_string();
        Self { rest: whole.trim_start_matches('{').into() }
    }

    /// Returns the document for a client that reaches the gateway at `base`.
    pub fn at(&self, base: &str) -> Bytes {
        let servers = json!([{ "url": base }]);
        format!(r#"{{"servers":{servers},{}"#, self.rest).into()
    }
}

/// Adds the services' routes to those of `own`.
fn merged(own: OpenApi) -> Value {
    let mut fleet = json!(complete(own));
    for (status, name, description) in ANSWERS {
        let problem = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
        let content = json!({ "application/problem+json": problem });
        fleet["components"]["responses"][name] = json!({ "description": description, "content": content });
        for path in members(&mut fleet["paths"]).values_mut() {
            answer(path, status, name);
        }
    }
    for entry in &TABLE {
        let service = serde_json::from_str(entry.document.snapshot).expect("a description is JSON");
        add(&mut fleet, service);
    }
    fleet
}

/// Adds what the gateway forwards to `service`, and the components that this needs.
fn add(fleet: &mut Value, mut service: Value) {
    for (path, mut operations) in std::mem::take(members(&mut service["paths"])) {
        let Some(target) = target(&path) else { continue };
        if target.is_read_only() {
            members(&mut operations).retain(|method, _| method == "get");
        }
        for operation in members(&mut operations).values_mut() {
            // The gateway itself decides which origins may send a change.
            let foreign = json!({ "$ref": format!("#/components/responses/{FOREIGN_ORIGIN}") });
            members(&mut operation["responses"]).retain(|_, response| *response != foreign);
        }
        for (status, name, _) in ANSWERS {
            answer(&mut operations, status, name);
        }
        if members(&mut operations).is_empty() {
            continue;
        }
        copy_components(&operations, &service, fleet);
        fleet["paths"][path] = operations;
    }
    if let (Some(tags), Some(more)) = (fleet["tags"].as_array_mut(), service["tags"].as_array_mut()) {
        tags.append(more);
    }
}

/// Adds the answer `name` to all operations of a path that do not document its status themselves.
fn answer(operations: &mut Value, status: &str, name: &str) {
    for operation in members(operations).values_mut() {
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        members(&mut operation["responses"]).entry(status).or_insert(reference);
    }
}

/// Copies the components to which `part` refers, directly or indirectly.
fn copy_components(part: &Value, from: &Value, to: &mut Value) {
    match part {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            let component = reference.and_then(|reference| reference.strip_prefix("#/components/"));
            if let Some((kind, name)) = component.and_then(|component| component.split_once('/'))
                && to["components"][kind][name].is_null()
            {
                let component = from["components"][kind][name].clone();
                to["components"][kind][name] = component.clone();
                copy_components(&component, from, to);
            }
            for member in members.values() {
                copy_components(member, from, to);
            }
        }
        Value::Array(items) => {
            for item in items {
                copy_components(item, from, to);
            }
        }
        _ => {}
    }
}

/// The members of an object.
fn members(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("this part of a description is an object")
}
