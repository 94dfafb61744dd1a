use storage::page::COUNT_LIMIT;

use http_api::hal::Names;

use super::*;

/// The id of a row.
#[derive(ToSchema)]
struct Book(i64);

impl Listed for Book {
    const NAMES: Names = Names { relation: "book", plural: "books" };
}

async fn ask(query: &str) -> Result<PageRequest, Problem> {
    let request = http::Request::get(format!("/books?{query}")).body(()).unwrap();
    PageRequest::from_request_parts(&mut request.into_parts().0, &()).await
}

/// The page that `query` asks for, of a list of `total` rows with the ids 1, 2, 3, …
async fn page(query: &str, total: i64) -> Collection<Book> {
    let parts = &mut http::Request::get("/").header("host", "cinema").body(()).unwrap().into_parts().0;
    let base = BaseUrl::from_request_parts(parts, &()).await.unwrap();
    let request = ask(query).await.unwrap();
    let slice = request.slice();
    let rows = (1..=total).filter(|id| *id > slice.after).skip(slice.offset as usize);
    let rows = rows.take(slice.limit() as usize).collect();
    let page = Page::new(rows, slice, total.min(COUNT_LIMIT), |id| *id);
    Collection::new(&base, "/books?customerId=7", request, &page, |id| Resource {
        entity: Book(*id),
        links: Links::default(),
    })
}

fn relations(collection: &Collection<Book>) -> Vec<&str> {
    collection.links.0.keys().copied().collect()
}

fn link(collection: &Collection<Book>, relation: &str) -> String {
    collection.links[relation].href.trim_start_matches("http://cinema/books?customerId=7&").to_owned()
}

/// The pointers and the details of a refusal.
async fn refusal(query: &str) -> serde_json::Value {
    let response = axum::response::IntoResponse::into_response(ask(query).await.unwrap_err());
    let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn page_in_the_middle_links_both_ways() {
    let collection = page("page=1&size=10", 25).await;
    assert_eq!(relations(&collection), ["first", "last", "next", "prev", "self"]);
    let links = ["first", "last", "prev", "self"].map(|relation| link(&collection, relation));
    assert_eq!(links, ["page=0&size=10", "page=2&size=10", "page=0&size=10", "page=1&size=10"]);
    assert_eq!(link(&collection, "next"), "after=20&size=10");
    assert_eq!((collection.page.total_pages, collection.page.number), (3, Some(1)));
}

#[tokio::test]
async fn empty_collection_is_its_own_first_and_last_page() {
    let collection = page("size=10", 0).await;
    assert_eq!(relations(&collection), ["first", "last", "self"]);
    assert_eq!(collection.page.total_pages, 0);
}

#[tokio::test]
async fn page_past_the_end_links_back_to_the_last_one() {
    let collection = page("page=9&size=10", 25).await;
    assert_eq!(relations(&collection), ["first", "last", "prev", "self"]);
    assert_eq!(link(&collection, "prev"), "page=2&size=10");
}

#[tokio::test]
async fn next_links_lead_through_the_whole_list() {
    let mut collection = page("size=100", 12_345).await;
    let mut seen = Vec::new();
    loop {
        seen.extend(collection.embedded["books"].iter().map(|book| book.entity.0));
        if !collection.links.0.contains_key("next") {
            break;
        }
        collection = page(&link(&collection, "next"), 12_345).await;
    }
    assert_eq!(seen, (1..=12_345).collect::<Vec<_>>());
    assert_eq!(relations(&collection), ["first", "self"]);
    assert_eq!(
        (link(&collection, "self"), collection.page.number),
        ("after=12300&size=100".to_owned(), None)
    );
}

#[tokio::test]
async fn total_is_exact_up_to_ten_thousand() {
    let collection = page("page=333&size=30", 10_000).await;
    let shown = serde_json::to_value(collection.page).unwrap();
    let expected =
        serde_json::json!({ "size": 30, "totalElements": 10_000, "totalPages": 334, "number": 333 });
    assert_eq!(shown, expected);
    assert_eq!(link(&collection, "last"), "page=333&size=30");
    let collection = page("page=333&size=30", 10_500).await;
    let shown = serde_json::to_value(collection.page).unwrap();
    assert_eq!((&shown["totalElements"], &shown["atLeast"]), (&10_000.into(), &true.into()));
    assert_eq!(relations(&collection), ["first", "next", "prev", "self"]);
}

#[tokio::test]
async fn deep_page_is_refused_and_names_after() {
    for (last, deep) in [("page=99&size=100", "page=100&size=100"), ("page=9999&size=1", "page=10000&size=1")]
    {
        assert!(ask(last).await.is_ok(), "{last}");
        let refusal = refusal(deep).await;
        assert_eq!((&refusal["type"], &refusal["status"]), (&"/problems/invalid-field".into(), &422.into()));
        assert_eq!(refusal["errors"][0]["pointer"], "/page");
        assert!(refusal["errors"][0]["detail"].as_str().unwrap().contains("send after="), "{refusal}");
    }
    let furthest = format!("page={}&size=100", i64::MAX);
    assert_eq!(refusal(&furthest).await["errors"][0]["pointer"], "/page");
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    for (query, pointers) in [
        ("page=1&after=5", vec!["/after"]),
        ("after=-1", vec!["/after"]),
        ("after=x", vec!["/after"]),
        ("after=-1&size=0", vec!["/after", "/size"]),
        ("page=-1&size=101", vec!["/page", "/size"]),
        ("after=+1", vec!["/after"]),
        ("after=%2B1", vec!["/after"]),
        ("after=01", vec!["/after"]),
        ("page=+1", vec!["/page"]),
        ("page=", vec!["/page"]),
        ("size=010", vec!["/size"]),
        ("size=5&size=5", vec!["/size"]),
        ("page=1&page=2", vec!["/page"]),
        ("after=1&size=2&%61fter=3", vec!["/after"]),
    ] {
        let refusal = refusal(query).await;
        let errors = refusal["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(named, pointers, "{query}");
    }
}

#[tokio::test]
async fn sort_and_projection_are_not_supported_and_other_parameters_are_ignored() {
    for (query, pointer) in
        [("sort=id,desc", "/sort"), ("size=5&s%6Frt", "/sort"), ("projection=", "/projection")]
    {
        let refusal = refusal(query).await;
        assert_eq!((&refusal["type"], &refusal["status"]), (&"/problems/not-supported".into(), &422.into()));
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{query}");
    }
    assert_eq!(ask("sorted=id&color=red&color=blue").await.unwrap(), ask("").await.unwrap());
}
