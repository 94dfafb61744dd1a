//! Collections in pages. A page is asked for by its number, within the first 10,000 entities, or by the id of the entity
//! before it, without a limit. New entities never shift a page that is read by id, and its cost does not grow with its place.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use storage::page::{COUNTED_MAX, Page, Slice};
use utoipa::{IntoParams, ToSchema};

use http_api::extract::Query;
use http_api::hal::{BaseUrl, Links, Names, Resource};
use http_api::problem::{FieldError, Problem};

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 100;
/// Parameters of HAL clients that would change an answer. Without an error, the client would take what it gets for sorted.
const NOT_SUPPORTED: [&str; 2] = ["sort", "projection"];

/// One page of a collection.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Collection<T> {
    /// The entities, under their plural name.
    #[serde(rename = "_embedded")]
    pub embedded: BTreeMap<&'static str, Vec<Resource<T>>>,
    #[serde(rename = "_links")]
    pub links: Links,
    pub page: PageInfo,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    pub size: i64,
    /// Number of entities in the collection. They are counted up to 10,000.
    #[schema(maximum = 10_000)]
    pub total_elements: i64,
    /// Number of pages of this size that `totalElements` make.
    pub total_pages: i64,
    /// From 0; absent if the page was asked for by `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<i64>,
    /// `true` if the collection has more entities than `totalElements`; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// The page that a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    start: Start,
    size: i64,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// The page with this number, from 0.
    Number(i64),
    /// The page after the entity with this id.
    After(i64),
}

impl PageRequest {
    /// The rows of this page.
    pub fn slice(&self) -> Slice {
        match self.start {
            Start::Number(number) => Slice { after: 0, offset: number * self.size, size: self.size },
            Start::After(after) => Slice { after, offset: 0, size: self.size },
        }
    }
}

/// The paging parameters of every collection.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Number of the page, from 0. A page begins within the first 10,000 entities; `after` reads on from there.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 0, default = 0)]
    page: Option<i64>,
    /// Id of the entity before the page, instead of `page`: the `next` link has it. 0 asks for the first page.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Maximum number of entities on the page.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    size: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        refuse_filters(parts.uri.query(), &NOT_SUPPORTED)?;
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, state).await?;
        query.parse()
    }
}

/// Refuses parameters by which a client may expect a list to be changed, and by which it cannot be.
///
/// # Errors
///
/// 422 `not-supported` naming those of `names` that the `query` has.
pub fn refuse_filters(query: Option<&str>, names: &[&'static str]) -> Result<(), Problem> {
    let query = query.unwrap_or_default().as_bytes();
    let is_sent = |name: &&&str| form_urlencoded::parse(query).any(|(sent, _)| sent == **name);
    let sent: Vec<&str> = names.iter().filter(is_sent).copied().collect();
    if sent.is_empty() {
        return Ok(());
    }
    let detail = format!("This list can be neither sorted, shaped nor filtered by: {}.", sent.join(", "));
    let errors = sent.iter().map(|name| FieldError::new(name, "is not supported")).collect();
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not-supported", detail).with_errors(errors))
}

impl PageQuery {
    fn parse(&self) -> Result<PageRequest, Problem> {
        let size = self.size.unwrap_or(DEFAULT_SIZE);
        let mut errors = Vec::new();
        let start = match (self.page, self.after) {
            (Some(_), Some(_)) => Err(FieldError::new("after", "must not be sent together with page")),
            (None, Some(after)) if after < 0 => Err(FieldError::new("after", "must not be negative")),
            (None, Some(after)) => Ok(Start::After(after)),
            (number, None) => parse_number(number.unwrap_or(0), size.clamp(1, MAX_SIZE)).map(Start::Number),
        };
        if !(1..=MAX_SIZE).contains(&size) {
            errors.push(FieldError::new("size", format!("must be from 1 to {MAX_SIZE}")));
        }
        match start {
            Ok(start) if errors.is_empty() => return Ok(PageRequest { start, size }),
            Ok(_) => {}
            Err(error) => errors.insert(0, error),
        }
        Err(Problem::invalid_fields(errors))
    }
}

/// A page may begin at each of the first [`COUNTED_MAX`] entities.
fn parse_number(number: i64, size: i64) -> Result<i64, FieldError> {
    let last = (COUNTED_MAX - 1) / size;
    match number {
        ..0 => Err(FieldError::new("page", "must not be negative")),
        _ if number <= last => Ok(number),
        _ => {
            let detail = format!(
                "must be from 0 to {last} for pages of {size}; to read on, send after=<id of the last entity> instead"
            );
            Err(FieldError::new("page", detail))
        }
    }
}

/// The `path` of a collection with its filter: `name=value`, if there is a value.
pub fn filtered(path: &str, name: &str, value: Option<impl Display>) -> String {
    value.map_or_else(|| path.to_owned(), |value| format!("{path}?{name}={value}"))
}

impl<T> Collection<T> {
    /// Creates the page that `request` asks for, of the collection at `path` with its filter, from the rows of `page`.
    pub fn new<R>(
        base: &BaseUrl,
        names: Names,
        path: &str,
        request: PageRequest,
        page: &Page<R>,
        resource: impl Fn(&R) -> Resource<T>,
    ) -> Self {
        let PageRequest { start, size } = request;
        let total_pages = (page.total.rows + size - 1) / size;
        let mark = if path.contains('?') { '&' } else { '?' };
        let at = |name: &str, value: i64| base.link(&format!("{path}{mark}{name}={value}&size={size}"));
        let mut links = Links::from([("first", at("page", 0))]);
        let number = match start {
            Start::Number(number) => {
                let last = (total_pages - 1).max(0);
                links.insert("self", at("page", number));
                if number > 0 {
                    links.insert("prev", at("page", (number - 1).min(last)));
                }
                if !page.total.at_least {
                    links.insert("last", at("page", last));
                }
                Some(number)
            }
            Start::After(after) => {
                links.insert("self", at("after", after));
                None
            }
        };
        if let Some(last_id) = page.next {
            links.insert("next", at("after", last_id));
        }
        let (total_elements, at_least) = (page.total.rows, page.total.at_least);
        Self {
            embedded: BTreeMap::from([(names.plural, page.rows.iter().map(resource).collect())]),
            links,
            page: PageInfo { size, total_elements, total_pages, number, at_least },
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::page::COUNT_LIMIT;

    use super::*;

    const BOOKS: Names = Names { relation: "book", plural: "books" };

    async fn ask(query: &str) -> Result<PageRequest, Problem> {
        let request = http::Request::get(format!("/books?{query}")).body(()).unwrap();
        PageRequest::from_request_parts(&mut request.into_parts().0, &()).await
    }

    /// The page that `query` asks for, of a list of `total` rows with the ids 1, 2, 3, …
    async fn page(query: &str, total: i64) -> Collection<i64> {
        let parts = &mut http::Request::get("/").header("host", "cinema").body(()).unwrap().into_parts().0;
        let base = BaseUrl::from_request_parts(parts, &()).await.unwrap();
        let request = ask(query).await.unwrap();
        let slice = request.slice();
        let rows = (1..=total).filter(|id| *id > slice.after).skip(slice.offset as usize);
        let rows = rows.take(slice.limit() as usize).collect();
        let page = Page::new(rows, slice, total.min(COUNT_LIMIT), |id| *id);
        Collection::new(&base, BOOKS, "/books?customerId=7", request, &page, |id| Resource {
            entity: *id,
            links: Links::new(),
        })
    }

    fn relations(collection: &Collection<i64>) -> Vec<&str> {
        collection.links.keys().copied().collect()
    }

    fn link(collection: &Collection<i64>, relation: &str) -> String {
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
            seen.extend(collection.embedded["books"].iter().map(|book| book.entity));
            if !collection.links.contains_key("next") {
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
        for (last, deep) in
            [("page=99&size=100", "page=100&size=100"), ("page=9999&size=1", "page=10000&size=1")]
        {
            assert!(ask(last).await.is_ok(), "{last}");
            let refusal = refusal(deep).await;
            assert_eq!(
                (&refusal["type"], &refusal["status"]),
                (&"/problems/invalid-field".into(), &422.into())
            );
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
            assert_eq!(
                (&refusal["type"], &refusal["status"]),
                (&"/problems/not-supported".into(), &422.into())
            );
            assert_eq!(refusal["errors"][0]["pointer"], pointer, "{query}");
        }
        assert_eq!(ask("sorted=id&color=red&color=blue").await.unwrap(), ask("").await.unwrap());
    }
}
