//! The description in AsyncAPI 3.

use serde_json::{Map, Value, json};

use super::{golden, schemas};
use crate::envelope::decode;
use crate::headers::headers;
use crate::{DEAD_LETTER_TOPIC, TOPIC};

/// The services that publish events.
const PUBLISHERS: [&str; 4] = ["book", "payment", "ticket", "point"];

const ABOUT: &str = "All events of the fleet. An event is delivered at least once, and in order for each \
    booking: recognize a repeated event by its header `ce_id`.\n\n\
    Ignore fields and events that you do not know, because a later version may add some. The fleet itself \
    reads more than it writes: in an event of another program, every field except `eventType` and the ids may \
    be null or absent, numbers may be text, and all headers may be missing.\n\n\
    Times in fields are RFC 3339 in UTC. Prices are in the smallest unit of the currency.";

pub fn document() -> Value {
    let mut events = Map::new();
    let mut published = PUBLISHERS.map(|name| (name, Vec::new()));
    for (event_type, payload) in schemas::written() {
        let publisher = publisher(&payload);
        let (_, types) = published.iter_mut().find(|(name, _)| *name == publisher).unwrap();
        types.push(event_type);
        events.insert(event_type.to_owned(), event(event_type, publisher, &payload));
    }
    let mut operations = Map::new();
    for (name, types) in published {
        let path = |event_type: &str| reference(&format!("channels/movie/messages/{event_type}"));
        let mut operation = operation("send", "movie", &format!("The events that {name} publishes."));
        operation["messages"] = types.into_iter().map(path).collect();
        operations.insert(format!("{name}.publish"), operation);
    }
    for (name, action, channel, summary) in [
        (
            "read",
            "receive",
            "movie",
            "Every service reads all events, and skips those that it does not know.",
        ),
        ("moveAside", "send", "deadLetters", "A service moves a record here that it can never apply."),
        ("replay", "receive", "deadLetters", "`marquee dlq` lists the dead letters, replays and marks them."),
    ] {
        operations.insert(name.to_owned(), operation(action, channel, summary));
    }
    let letters = Map::from_iter([
        ("deadLetter".to_owned(), dead_letter()),
        ("replayed".to_owned(), mark_of_a_replay()),
    ]);
    let channels = json!({
        "movie": channel(TOPIC, "All events. They are kept forever.", &events),
        "deadLetters": channel(DEAD_LETTER_TOPIC, "Records that a service could not apply.", &letters),
    });
    let messages: Map<String, Value> = events.into_iter().chain(letters).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Marquee's events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages },
    })
}

/// Returns the service that publishes an event. The first paragraph on the event ends with its name.
fn publisher(payload: &Value) -> &'static str {
    let description = payload["description"].as_str().unwrap();
    let first = description.split("\n\n").next().unwrap();
    let is_from = |name: &&str| first.ends_with(&format!("From {name}."));
    PUBLISHERS.into_iter().find(is_from).unwrap_or_else(|| panic!("no publisher: {first}"))
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/{path}") })
}

fn channel(topic: &str, description: &str, messages: &Map<String, Value>) -> Value {
    let path = |name: &String| (name.clone(), reference(&format!("components/messages/{name}")));
    json!({
        "address": topic,
        "description": description,
        "messages": messages.keys().map(path).collect::<Map<_, _>>(),
        "bindings": { "kafka": { "topic": topic, "bindingVersion": "0.5.0" } },
    })
}

fn operation(action: &str, channel: &str, summary: &str) -> Value {
    json!({ "action": action, "channel": reference(&format!("channels/{channel}")), "summary": summary })
}

fn event(event_type: &str, publisher: &str, payload: &Value) -> Value {
    let example = golden(event_type);
    let written = headers_of(&example, publisher);
    let mut properties: Map<String, Value> =
        written.iter().map(|(name, value)| (name.clone(), header(name, value))).collect();
    let required: Vec<String> = properties.keys().filter(|name| *name != "traceparent").cloned().collect();
    properties.insert(
        "dlq-replay-for".to_owned(),
        json!({ "type": "string", "description": "On a replayed event: the only service that applies it." }),
    );
    let written: Map<String, Value> =
        written.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let key = json!({
        "type": "string", "pattern": "^[1-9][0-9]*$", "description": "The id of the event's booking.",
    });
    json!({
        "name": event_type,
        "title": event_type,
        "description": payload["description"],
        "contentType": "application/json",
        "headers": { "type": "object", "properties": properties, "required": required },
        "payload": payload,
        "bindings": { "kafka": { "key": key, "bindingVersion": "0.5.0" } },
        "examples": [{ "name": event_type, "headers": written, "payload": example }],
    })
}

/// Returns the headers of an example, as the fleet writes them.
fn headers_of(example: &Value, publisher: &str) -> Vec<(String, String)> {
    let event = decode(example.to_string().as_bytes()).unwrap().event.unwrap();
    let at = "2021-02-23T13:32:28.5Z".parse().unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers(&event, "0192d1a2-7f3e-7c51-9f0a-3b1c5d7e9f10", publisher, at, Some(trace))
}

/// Returns the schema of a header. A header that is the same for all events of a type is a constant.
fn header(name: &str, value: &str) -> Value {
    match name {
        "ce_id" => json!({
            "type": "string",
            "description": "The event's id, a UUID v7. A repeated event has the same id.",
        }),
        "ce_time" => json!({
            "type": "string", "format": "date-time", "description": "When the event happened.",
        }),
        "ce_subject" => json!({
            "type": "string", "pattern": "^bookings/[1-9][0-9]*$", "description": "The event's booking.",
        }),
        "traceparent" => json!({
            "type": "string",
            "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "The W3C trace in which the event was written, if there was one.",
        }),
        "ce_specversion" | "ce_source" | "ce_type" | "content-type" | "type" => {
            json!({ "type": "string", "const": value })
        }
        _ => panic!("the header {name} is not described"),
    }
}

fn dead_letter() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let number =
        |description: &str| json!({ "type": "string", "pattern": "^[0-9]+$", "description": description });
    let headers = json!({
        "dlq-reason": text("Why the service could not apply the record."),
        "dlq-consumer": text("The service that could not apply the record."),
        "dlq-topic": text("The topic of the record."),
        "dlq-partition": number("The record's partition in that topic."),
        "dlq-offset": number("The record's offset in that partition."),
        "dlq-timestamp": number("When the log appended the record, in milliseconds since the epoch."),
        "dlq-attempts": number("The number of attempts to apply the record."),
    });
    let required: Vec<&String> = headers.as_object().unwrap().keys().collect();
    json!({
        "name": "deadLetter",
        "title": "Dead letter",
        "description": "A record that a service could not apply, with its original key, value and headers. \
            These headers are added.",
        "headers": { "type": "object", "properties": headers, "required": required },
    })
}

fn mark_of_a_replay() -> Value {
    let position = json!({
        "type": "string",
        "pattern": "^[0-9]+/[0-9]+$",
        "description": "The partition and the offset of the dead letter.",
    });
    json!({
        "name": "replayed",
        "title": "Mark of a replay",
        "description": "A dead letter was published to its topic again. The record has the letter's key, \
            and no value.",
        "headers": {
            "type": "object",
            "properties": { "dlq-replayed": position },
            "required": ["dlq-replayed"],
        },
    })
}
