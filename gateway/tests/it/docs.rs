//! Swagger UI and the descriptions.

use reqwest::StatusCode;
use serde_json::Value;

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
async fn swagger_ui_lists_the_five_services_and_contacts_no_validator() {
    let gateway = Gateway::start([]).await;
    let script = text(&gateway, "/docs/swagger-initializer.js").await;
    for name in ["book", "payment", "mypage", "ticket", "point"] {
        assert!(script.contains(&format!("/api-docs/{name}/openapi.json")), "{script}");
    }
    assert_eq!(script.matches("openapi.json").count(), 5, "{script}");
    assert!(script.contains(r#""validatorUrl": "none""#), "{script}");
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
    let served = json(gateway.get("/api-docs/openapi.json")).await;
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        let text = serde_json::to_string_pretty(&served).unwrap();
        std::fs::write(snapshot, text + "\n").unwrap();
    }
    let reviewed: Value = serde_json::from_str(&std::fs::read_to_string(snapshot).unwrap()).unwrap();
    assert_eq!(served, reviewed, "if the change is intended: UPDATE_SNAPSHOTS=1 cargo test -p gateway");
    assert_eq!(served["openapi"], "3.1.0");
}
