//! Checks the promises of every list about its pages.

use serde_json::json;

use crate::{Answer, Client};

/// Returns the ids of the entities on a page.
pub fn ids(page: &Answer) -> Vec<i64> {
    assert_eq!(page.status, 200, "{}", page.body);
    let embedded = page.body["_embedded"].as_object().unwrap();
    let entities = embedded.values().next().unwrap().as_array().unwrap();
    entities.iter().map(|entity| entity["id"].as_i64().unwrap()).collect()
}

/// Follows a link of `page`.
pub async fn follow(client: &Client, page: &Answer, relation: &str) -> Answer {
    let link = page.body["_links"][relation]["href"].as_str().unwrap();
    client.get(link.trim_start_matches("http://cinema")).await
}

/// Asserts that the list at `path`, which has exactly 10,000 rows, is counted exactly and can be read
/// completely by page number.
pub async fn assert_all_is_counted(client: &Client, path: &str) {
    let last = client.get(&with(path, "page=99&size=100")).await;
    assert_eq!(ids(&last).len(), 100);
    let expected = json!({"size": 100, "totalElements": 10_000, "totalPages": 100, "number": 99});
    assert_eq!(last.body["page"], expected);
    assert_eq!(last.body["_links"].get("next"), None);
    assert_eq!(ids(&follow(client, &last, "last").await), ids(&last));
}

/// Asserts that the list at `path`, which has exactly 10,001 rows, can be read to its end only by `after`.
pub async fn assert_reads_on(client: &Client, path: &str) {
    let page = client.get(&with(path, "page=99&size=100")).await;
    let info = &page.body["page"];
    assert_eq!((&info["totalElements"], &info["totalPages"]), (&json!(10_000), &json!(100)));
    assert_eq!(info["atLeast"], true);
    assert_eq!(page.body["_links"].get("last"), None);

    let end = follow(client, &page, "next").await;
    assert_eq!(ids(&end).len(), 1, "{}", end.body);
    let info = json!({"size": 100, "totalElements": 10_000, "totalPages": 100, "atLeast": true});
    assert_eq!(end.body["page"], info);
    let relations: Vec<&str> = end.body["_links"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(relations, ["first", "self"]);
    assert_eq!(ids(&follow(client, &end, "self").await), ids(&end));
    let beyond = client.get(&with(path, &format!("after={}", ids(&end)[0]))).await;
    assert_eq!((ids(&beyond), beyond.body["_links"].get("next")), (vec![], None));
    let first = follow(client, &end, "first").await;
    assert_eq!(ids(&first), ids(&client.get(&with(path, "after=0&size=100")).await));

    let deep = client.get(&with(path, "page=100&size=100")).await;
    assert_eq!(
        (deep.status.as_u16(), deep.problem(), deep.pointers()),
        (422, "invalid-field", vec!["/page"])
    );
    assert!(deep.body["errors"][0]["detail"].as_str().unwrap().contains("after="), "{}", deep.body);
}

/// Asserts that `after` continues the list at `path` without gaps or repetitions. The list has the ids 1 to
/// 5; `meanwhile` deletes the first row and adds a sixth.
pub async fn assert_never_shifts(client: &Client, path: &str, meanwhile: impl AsyncFnOnce()) {
    let first = client.get(&with(path, "size=2")).await;
    let next = first.body["_links"]["next"]["href"].as_str().unwrap();
    assert_eq!((ids(&first), next), (vec![1, 2], &*format!("http://cinema{path}?after=2&size=2")));
    meanwhile().await;
    let second = follow(client, &first, "next").await;
    let third = follow(client, &second, "next").await;
    assert_eq!((ids(&second), ids(&third)), (vec![3, 4], vec![5, 6]));
    assert_eq!(third.body["_links"].get("next"), None);
}

/// Asserts which parameters the list at `path` rejects, and that it ignores unknown ones.
pub async fn assert_refusals(client: &Client, path: &str) {
    for (query, problem, pointer) in [
        ("sort=id,desc", "not-supported", "/sort"),
        ("projection=short", "not-supported", "/projection"),
        ("page=0&after=1", "invalid-field", "/after"),
        ("after=-1", "invalid-field", "/after"),
        ("after=x", "invalid-field", "/after"),
        ("size=0", "invalid-field", "/size"),
    ] {
        let answer = client.get(&with(path, query)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, problem), "{query}");
        assert_eq!(answer.pointers(), [pointer], "{query}");
    }
    assert_eq!(client.get(&with(path, "color=red&sorted=id")).await.status, 200);
}

fn with(path: &str, query: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{query}")
}
