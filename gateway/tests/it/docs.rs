//! Swagger UI and the descriptions.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::app::{Gateway, json, problem};
use crate::upstreams::Echo;

async fn text(gateway: &Gateway, path: &str) -> String {
    let response = gateway.get(path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn swagger_ui_is_served_with_all_its_assets() {
    let gateway = Gateway::start([]).await;
    let response = gateway.get("/docs").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/docs/");

    let page = text(&gateway, "/docs/").await;
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    for asset in ["swagger-ui.css", "index.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js"] {
        assert!(page.contains(asset), "{asset}");
        assert!(!text(&gateway, &format!("/docs/{asset}")).await.is_empty());
    }
}

#[tokio::test]
async fn swagger_ui_lists_the_fleet_and_its_five_services_and_contacts_no_validator() {
    let gateway = Gateway::start([]).await;
    let script = text(&gateway, "/docs/swagger-initializer.js").await;
    for name in ["book", "payment", "mypage", "ticket", "point"] {
        assert!(script.contains(&format!("/api-docs/{name}/openapi.json")), "{script}");
    }
    assert!(script.contains("../api-docs/openapi.json"), "{script}");
    assert_eq!(script.matches("openapi.json").count(), 6, "{script}");
    assert!(script.contains(r#""validatorUrl": "none""#), "{script}");
}

#[tokio::test]
async fn events_are_described() {
    let gateway = Gateway::start([]).await;
    let served = json(gateway.get("/api-docs/asyncapi.json")).await;
    let reviewed: Value = serde_json::from_str(include_str!("../../../crates/events/asyncapi.json")).unwrap();
    assert_eq!(served, reviewed);
}

#[tokio::test]
async fn description_of_a_service_comes_from_the_service() {
    let ticket = Echo::start("ticket").await;
    let gateway = Gateway::start([("--ticket-url", &ticket.url)]).await;
    let seen = json(gateway.get("/api-docs/ticket/openapi.json")).await;
    assert_eq!(seen["upstream"], "ticket");
    assert_eq!(seen["target"], "/api-docs/openapi.json");

    let gone = gateway.get("/api-docs/book/openapi.json").send().await.unwrap();
    problem(gone, StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable").await;
}

#[tokio::test]
async fn openapi_description_matches_its_snapshot() {
    let gateway = Gateway::start([]).await;
    let mut served = json(gateway.get("/api-docs/openapi.json")).await;
    // The address depends on the test.
    served["servers"] = json!([{ "url": "http://localhost:8088" }]);
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(&served).unwrap();
        std::fs::write(snapshot, text + "\n").unwrap();
    }
    let reviewed: Value = serde_json::from_str(&std::fs::read_to_string(snapshot).unwrap()).unwrap();
    assert_eq!(served, reviewed, "if the change is intended: UPDATE_SNAPSHOTS=1 cargo test -p gateway");
    assert_eq!(served["openapi"], "3.1.0");
}

/// The descriptions of all services: those behind the gateway, and the payment provider.
const SERVICES: [&str; 6] = [
    include_str!("../../../services/book/openapi.json"),
    include_str!("../../../services/payment/openapi.json"),
    include_str!("../../../services/mypage/openapi.json"),
    include_str!("../../../services/ticket/openapi.json"),
    include_str!("../../../services/point/openapi.json"),
    include_str!("../../../services/processor/openapi.json"),
];

/// Each operation of a description, as `GET /books`, with its id.
fn operations(description: &Value) -> Vec<(String, String)> {
    let paths = description["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().iter().map(move |(method, operation)| {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            (format!("{} {path}", method.to_uppercase()), id)
        })
    });
    operations.collect()
}

/// All values of `$ref` in `part`.
fn references(part: &Value) -> Vec<String> {
    match part {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

async fn fleet() -> Value {
    json(Gateway::start([]).await.get("/api-docs/openapi.json")).await
}

#[tokio::test]
async fn fleet_is_described_completely_even_while_no_service_runs() {
    let described: BTreeSet<String> = operations(&fleet().await).into_iter().map(|(name, _)| name).collect();
    for name in
        ["GET /status", "POST /books", "DELETE /books/{id}", "GET /payments/{id}", "PATCH /tickets/{id}"]
    {
        assert!(described.contains(name), "{name}: {described:?}");
    }
    // Only the fleet itself may call these.
    for name in ["POST /payments", "POST /payments/inquiries", "POST /cancellations", "POST /points"] {
        assert!(!described.contains(name), "{name}");
    }
    let forwarded = SERVICES[..5].iter().flat_map(|service| {
        operations(&serde_json::from_str(service).unwrap()).into_iter().map(|(name, _)| name)
    });
    let missing: Vec<String> = forwarded.filter(|name| !described.contains(name)).collect();
    assert_eq!(
        missing,
        ["POST /cancellations", "POST /payments", "POST /payments/inquiries", "POST /points"]
    );
}

#[tokio::test]
async fn ids_of_operations_are_unique_in_the_fleet() {
    let whole = fleet().await;
    let mut ids: Vec<String> = operations(&whole).into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    assert!(ids.iter().all(|id| !id.is_empty()), "{ids:?}");
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");

    let services = SERVICES.map(|service| serde_json::from_str::<Value>(service).unwrap());
    let mut ids: Vec<_> = services.iter().flat_map(operations).collect();
    ids.sort_unstable_by(|(_, one), (_, other)| one.cmp(other));
    assert!(ids.windows(2).all(|pair| pair[0].1 != pair[1].1), "{ids:?}");
}

#[tokio::test]
async fn every_reference_leads_to_a_component_and_every_component_is_used() {
    let whole = fleet().await;
    let references: BTreeSet<String> = references(&whole).into_iter().collect();
    assert!(references.len() > 20, "{references:?}");
    for reference in &references {
        let target = whole.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some_and(Value::is_object), "{reference}");
    }
    for (kind, components) in whole["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            assert!(references.contains(&format!("#/components/{kind}/{name}")), "{kind} {name}");
        }
    }
}

#[test]
fn components_of_equal_names_are_equal_in_all_services() {
    let services = SERVICES[..5].iter().map(|service| serde_json::from_str::<Value>(service).unwrap());
    let mut seen = serde_json::Map::new();
    for service in services {
        for (kind, components) in service["components"].as_object().unwrap() {
            for (name, component) in components.as_object().unwrap() {
                let known = seen.entry(format!("{kind} {name}")).or_insert_with(|| component.clone());
                assert_eq!(known, component, "{kind} {name}");
            }
        }
    }
    assert!(seen.contains_key("schemas Problem") && seen.contains_key("schemas BookPage"));
}

#[tokio::test]
async fn server_is_the_address_that_the_client_uses() {
    for (public_url, expected) in
        [("", None), ("https://cinema.example/shop", Some("https://cinema.example/shop"))]
    {
        let args = [("--public-url", public_url)];
        let args = if public_url.is_empty() { &[][..] } else { &args[..] };
        let gateway = Gateway::start_with(args).await;
        let expected = expected.map_or_else(|| format!("http://{}", gateway.address), str::to_owned);
        let whole = json(gateway.get("/api-docs/openapi.json")).await;
        assert_eq!(whole["servers"], json!([{ "url": expected }]));
    }
}

#[tokio::test]
async fn forwarded_operations_document_the_answers_of_the_gateway() {
    let whole = fleet().await;
    for path in ["/books", "/tickets", "/status"] {
        let responses = whole["paths"][path]["get"]["responses"].as_object().unwrap();
        for status in ["400", "421", "429", "502", "503", "504"] {
            assert!(responses.contains_key(status), "{path}: {status}");
        }
    }
    // The gateway decides which origins may send a change.
    assert!(whole["paths"]["/books"]["post"]["responses"].get("403").is_none());
}
