//! The pages about types of problems, and their agreement with the sources and with the documentation.

mod sources;

use std::collections::BTreeSet;

use gateway::problems::kinds;
use reqwest::header::{ACCEPT, ALLOW, VARY};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::app::{Gateway, json, problem};

/// What Chrome sends for a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

async fn text(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

#[test]
fn every_type_that_a_process_answers_has_a_page_and_no_page_is_about_another() {
    let answered: BTreeSet<(String, u16)> =
        sources::problems().into_iter().map(|found| (found.slug, found.status.as_u16())).collect();
    let explained: BTreeSet<(String, u16)> =
        kinds().iter().map(|kind| (kind.slug.to_owned(), kind.status.as_u16())).collect();
    assert!(answered.len() > 40, "the sources are read: {answered:?}");
    let without_page: Vec<_> = answered.difference(&explained).collect();
    let without_source: Vec<_> = explained.difference(&answered).collect();
    assert!(without_page.is_empty(), "gateway/src/problems/catalog has no entry for {without_page:?}");
    assert!(without_source.is_empty(), "no process answers {without_source:?}");
    assert_eq!(explained.len(), kinds().len(), "each type has one entry");
}

#[test]
fn every_page_names_the_processes_that_answer_its_type() {
    for found in sources::problems() {
        let from = kinds().iter().find(|kind| kind.slug == found.slug).unwrap().from;
        let names_all = from.starts_with("every ") || from.starts_with("services ");
        let is_named = found.process.is_none_or(|process| from.contains(&process));
        assert!(names_all || is_named, "{} is answered in {}, not only from {from}", found.slug, found.file);
    }
}

#[test]
fn detail_of_every_example_is_a_text_of_the_code() {
    let texts = sources::texts();
    for kind in kinds() {
        let is_of_the_code = texts.iter().any(|text| sources::is_instance(kind.detail, text));
        assert!(is_of_the_code, "no code answers {:?} ({})", kind.detail, kind.slug);
    }
}

#[test]
fn api_design_lists_every_type_with_its_status() {
    let design = include_str!("../../../docs/API-DESIGN.md");
    let (_, table) = design.split_once("\n| type | status | from |\n").unwrap();
    let mut listed = BTreeSet::new();
    for row in table.lines().take_while(|line| line.starts_with('|')).skip(1) {
        let mut cells = row.trim_matches('|').split(" | ");
        let (types, status) = (cells.next().unwrap(), cells.next().unwrap());
        for slug in types.split('`').skip(1).step_by(2) {
            assert!(listed.insert((slug, status.trim().parse::<u16>().unwrap())), "{slug} is listed twice");
        }
    }
    let expected: BTreeSet<_> = kinds().iter().map(|kind| (kind.slug, kind.status.as_u16())).collect();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn type_of_a_problem_leads_to_its_page() {
    let gateway = Gateway::start([]).await;
    let refused = problem(gateway.get("/nothing").send().await.unwrap(), StatusCode::NOT_FOUND, "not-found");
    let kind = refused.await["type"].as_str().unwrap().to_owned();
    let page = json(gateway.get(&kind)).await;
    assert_eq!((&page["type"], &page["title"]), (&kind.into(), &"Not found".into()));
}

#[tokio::test]
async fn page_of_every_type_explains_it_to_browsers_and_to_programs() {
    let gateway = Gateway::start([]).await;
    for kind in kinds() {
        let path = format!("/problems/{}", kind.slug);
        let response = gateway.get(&path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers().get_all(VARY).iter().any(|name| name == "accept"), "{path}");
        assert_eq!(response.headers()["content-type"], "application/hal+json");
        let explained: Value = response.json().await.unwrap();
        let status = kind.status.as_u16();
        assert_eq!((&explained["type"], &explained["status"]), (&path.clone().into(), &status.into()));
        assert_eq!(explained["_links"]["self"]["href"], format!("http://{}{path}", gateway.address));
        let example = &explained["example"];
        for member in ["type", "title", "status"] {
            assert_eq!(example[member], explained[member], "{path}");
        }
        for member in ["detail", "instance", "traceId"] {
            assert!(example[member].as_str().is_some_and(|text| !text.is_empty()), "{path}: {member}");
        }
        for member in ["meaning", "remedy"] {
            let text = explained[member].as_str().unwrap();
            assert!(text.ends_with('.') && !text.contains("  "), "{path}: {text}");
            assert_eq!(text.matches('`').count() % 2, 0, "{path}: {text}");
        }

        let page = text(gateway.get(&path).header(ACCEPT, BROWSER)).await;
        let title = explained["title"].as_str().unwrap();
        assert!(page.contains(&format!("<title>{title} · Marquee</title>")), "{page}");
        let line = format!("HTTP/1.1 {status} {}", kind.status.canonical_reason().unwrap());
        assert!(page.contains(&line), "{page}");
        assert!(page.contains(&format!("&quot;type&quot;: &quot;{path}&quot;")), "{page}");
    }
}

#[tokio::test]
async fn list_links_to_every_page() {
    let gateway = Gateway::start([]).await;
    let page = text(gateway.get("/problems").header(ACCEPT, BROWSER)).await;
    let list = json(gateway.get("/problems").header(ACCEPT, "application/json")).await;
    let list = list["_embedded"]["problems"].as_array().unwrap();
    let listed: Vec<&str> = list.iter().map(|kind| kind["type"].as_str().unwrap()).collect();
    let expected: Vec<String> = kinds().iter().map(|kind| format!("/problems/{}", kind.slug)).collect();
    assert_eq!(listed, expected);
    for kind in kinds() {
        assert!(page.contains(&format!("<a href=\"problems/{}\">", kind.slug)), "{page}");
    }
}

/// The policy forbids inline scripts and styles, and content from other origins.
#[tokio::test]
async fn pages_load_only_their_own_style_sheet_by_a_relative_path() {
    let gateway = Gateway::start([]).await;
    for (path, styles) in
        [("/problems", "problems/style.css"), ("/problems/seat-taken", "../problems/style.css")]
    {
        let page = text(gateway.get(path).header(ACCEPT, BROWSER)).await;
        assert_eq!(page.matches("<link ").count(), 1);
        assert!(page.contains(&format!("<link rel=\"stylesheet\" href=\"{styles}\">")), "{page}");
        for forbidden in ["<style", " style=", "<script", "src=", "href=\"/"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
    }
    let styles = gateway.get("/problems/style.css").send().await.unwrap();
    assert_eq!(styles.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn unknown_type_is_not_found_and_pages_are_read_only() {
    let gateway = Gateway::start([]).await;
    for path in ["/problems/nothing", "/problems/seat-taken/", "/problems/%ff", "/problems/<script>"] {
        let answer = gateway.get(path).header(ACCEPT, BROWSER).send().await.unwrap();
        problem(answer, StatusCode::NOT_FOUND, "not-found").await;
    }
    for path in ["/problems", "/problems/seat-taken", "/api"] {
        let answer = gateway.post(path).send().await.unwrap();
        assert_eq!(answer.headers()[ALLOW], "GET,HEAD");
        problem(answer, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed").await;
    }
}
