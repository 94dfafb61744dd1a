//! The API's root: it links to every route that clients may read.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::StatusCode;
use serde_json::Value;

use crate::app::{Gateway, json};

/// The paths that can be read by `GET`, with the names of their query parameters.
fn readable() -> BTreeMap<String, BTreeSet<String>> {
    let fleet: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    let paths = fleet["paths"].as_object().unwrap().iter();
    let readable = paths.filter_map(|(path, methods)| Some((path, methods.get("get")?)));
    let with_query = readable.map(|(path, get)| {
        let parameters = get["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        (path.clone(), query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect())
    });
    with_query.collect()
}

/// Splits a link into its path and the names of the query parameters in its template.
fn split(href: &str) -> (String, BTreeSet<String>) {
    let (path, query) = href.split_once("{?").unwrap_or((href, "}"));
    let names = query.trim_end_matches('}').split(',').filter(|name| !name.is_empty());
    (path.to_owned(), names.map(str::to_owned).collect())
}

#[tokio::test]
async fn root_links_to_every_readable_path_with_all_its_parameters() {
    let gateway = Gateway::start([]).await;
    let root = json(gateway.get("/api")).await;
    let base = format!("http://{}", gateway.address);
    let mut linked = BTreeMap::new();
    for (relation, link) in root["_links"].as_object().unwrap() {
        let href = link["href"].as_str().unwrap().strip_prefix(&base).unwrap();
        let templated = href.contains('{').then_some(true);
        assert_eq!(link.get("templated").and_then(Value::as_bool), templated, "{relation}");
        let (path, query) = split(href);
        linked.insert(path, query);
    }
    let mut expected = readable();
    // The page that leads to the documentation, and the audit, which only staff may read.
    for path in ["/", "/audit"] {
        assert!(expected.remove(path).is_some(), "{path}");
    }
    // Not in a description.
    expected.insert("/docs".to_owned(), BTreeSet::new());
    expected.insert("/api-docs/asyncapi.json".to_owned(), BTreeSet::new());
    expected.insert("/api-docs/openapi.json".to_owned(), BTreeSet::new());
    expected.insert("/api-docs/{service}/openapi.json".to_owned(), BTreeSet::new());
    assert_eq!(linked, expected);
}

#[tokio::test]
async fn root_is_hal_and_begins_links_with_the_public_url() {
    let gateway = Gateway::start([("--public-url", "https://cinema.example/tickets")]).await;
    let response = gateway.get("/api").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/hal+json");
    let root: Value = response.json().await.unwrap();
    assert_eq!(root["_links"]["self"]["href"], "https://cinema.example/tickets/api");
    assert_eq!(root["_links"]["book"]["href"], "https://cinema.example/tickets/books/{id}");

    let plain = gateway.get("/api").header("accept", "application/json").send().await.unwrap();
    assert_eq!(plain.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn links_are_relative_for_a_client_that_names_no_host() {
    let gateway = Gateway::start([]).await;
    let answer = gateway.exchange("GET /api HTTP/1.0\r\n\r\n").await;
    assert!(answer.contains("\"self\":{\"href\":\"/api\"}"), "{answer}");
}
