//! HAL (`application/hal+json`): links, collections and pages.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accept;
use crate::extract::Query;
use crate::problem::{FieldError, Problem};

/// `application/hal+json`.
pub const MEDIA_TYPE: &str = "application/hal+json";
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

const DEFAULT_PAGE_SIZE: i64 = 20;
const MAX_PAGE_SIZE: i64 = 100;

/// Links by relation.
pub type Links = BTreeMap<&'static str, Link>;

#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Link {
    #[schema(example = "http://localhost:8088/books/1")]
    pub href: String,
}

/// An entity with its `_links`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Resource<T> {
    #[serde(flatten)]
    pub entity: T,
    #[serde(rename = "_links")]
    pub links: Links,
}

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

/// All of a collection that is short by nature, such as what belongs to one booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The entities, under their plural name.
    #[serde(rename = "_embedded")]
    pub embedded: BTreeMap<&'static str, Vec<Resource<T>>>,
    #[serde(rename = "_links")]
    pub links: Links,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    pub size: i64,
    pub total_elements: i64,
    pub total_pages: i64,
    pub number: i64,
}

/// A HAL answer.
pub struct Hal<T>(pub T);

impl<T: Serialize> IntoResponse for Hal<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

impl<T: Serialize> Resource<T> {
    /// An answer that says where its entity is: 201, 202.
    pub fn located(self, status: StatusCode) -> Response {
        let location = HeaderValue::from_str(&self.links["self"].href);
        let mut response = (status, Hal(self)).into_response();
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// Where the client reached us: what links start with.
///
/// `X-Forwarded-Proto` and `-Host` when a gateway set them, else `Host`.
#[derive(Clone, Debug)]
pub struct BaseUrl(String);

impl<S: Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let scheme = match first_value(headers, &FORWARDED_PROTO) {
            Some("https") => "https",
            _ => "http",
        };
        let host = first_value(headers, &FORWARDED_HOST)
            .or_else(|| first_value(headers, &HOST))
            .filter(|host| is_host(host))
            .unwrap_or("localhost");
        Ok(Self(format!("{scheme}://{host}")))
    }
}

impl BaseUrl {
    pub fn link(&self, path: &str) -> Link {
        Link { href: format!("{}{path}", self.0) }
    }

    /// `entity` with `self` and `<relation>` pointing to `/<plural>/<id>`.
    pub fn resource<T>(&self, names: Names, id: impl std::fmt::Display, entity: T) -> Resource<T> {
        let link = self.link(&format!("/{}/{id}", names.plural));
        let links = Links::from([("self", link.clone()), (names.relation, link)]);
        Resource { entity, links }
    }

    /// All `entities` of the collection at `path` (with its filter).
    pub fn list<T>(&self, names: Names, path: &str, entities: Vec<Resource<T>>) -> List<T> {
        List {
            embedded: BTreeMap::from([(names.plural, entities)]),
            links: Links::from([("self", self.link(path))]),
        }
    }

    /// The page `page` of the collection at `path` (with its filter, if any), holding `entities` of `total`.
    pub fn collection<T>(
        &self,
        names: Names,
        path: &str,
        page: PageRequest,
        total: i64,
        entities: Vec<Resource<T>>,
    ) -> Collection<T> {
        let total_pages = (total + page.size - 1) / page.size;
        let at = |number: i64| {
            let mark = if path.contains('?') { '&' } else { '?' };
            self.link(&format!("{path}{mark}page={number}&size={}", page.size))
        };
        let last = (total_pages - 1).max(0);
        let mut links = Links::from([("self", at(page.number)), ("first", at(0)), ("last", at(last))]);
        if page.number > 0 {
            links.insert("prev", at((page.number - 1).min(last)));
        }
        if page.number < last {
            links.insert("next", at(page.number + 1));
        }
        Collection {
            embedded: BTreeMap::from([(names.plural, entities)]),
            links,
            page: PageInfo { size: page.size, total_elements: total, total_pages, number: page.number },
        }
    }
}

/// What a kind of entity is called in links and collections.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub relation: &'static str,
    pub plural: &'static str,
}

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    pub number: i64,
    pub size: i64,
}

impl PageRequest {
    /// Rows before this page.
    pub fn offset(&self) -> i64 {
        self.number * self.size
    }
}

/// The paging parameters of every collection.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Which page, from 0.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[param(minimum = 0, default = 0)]
    page: Option<i64>,
    /// Entities a page.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[param(minimum = 1, maximum = 100, default = 20)]
    size: Option<i64>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, state).await?;
        let page = Self { number: query.page.unwrap_or(0), size: query.size.unwrap_or(DEFAULT_PAGE_SIZE) };
        let mut errors = Vec::new();
        if !(0..=i64::from(i32::MAX)).contains(&page.number) {
            errors.push(FieldError::new("page", format!("must be from 0 to {}", i32::MAX)));
        }
        if !(1..=MAX_PAGE_SIZE).contains(&page.size) {
            errors.push(FieldError::new("size", format!("must be from 1 to {MAX_PAGE_SIZE}")));
        }
        if errors.is_empty() { Ok(page) } else { Err(Problem::invalid_fields(errors)) }
    }
}

/// The representations of an entity. The body is the same.
const REPRESENTATIONS: [&str; 2] = [MEDIA_TYPE, "application/json"];

/// Which representation the client prefers, by `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation(&'static str);

impl Representation {
    fn of(headers: &HeaderMap) -> Self {
        Self(REPRESENTATIONS[accept::preferred(headers, &REPRESENTATIONS)])
    }

    /// The entity tag of this representation of a state that is known as `state`.
    pub fn entity_tag(self, state: &str) -> String {
        let mark = if self.0 == MEDIA_TYPE { "" } else { "-json" };
        format!("\"{state}{mark}\"")
    }
}

impl<S: Sync> FromRequestParts<S> for Representation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// Middleware: answers in the representation that the client prefers. Nobody may store an answer whose handler does not
/// say otherwise: most have personal data.
pub async fn negotiate(request: Request, next: Next) -> Response {
    let Representation(preferred) = Representation::of(request.headers());
    let mut response = next.run(request).await;
    let is_unmodified = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    let is_hal = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_hal {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(preferred));
    }
    if is_hal || is_unmodified {
        headers.append(VARY, HeaderValue::from_static("accept"));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A forwarded header may list every proxy on the way; the first is the client's.
fn first_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let list = headers.get(name)?.to_str().ok()?;
    list.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// Whether `host` may stand in a link: a name or address and a port, nothing that could end the URL's host.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOKS: Names = Names { relation: "book", plural: "books" };

    fn page(number: i64, total: i64) -> Collection<()> {
        let base = BaseUrl("http://cinema".to_owned());
        base.collection(BOOKS, "/books?customerId=7", PageRequest { number, size: 10 }, total, Vec::new())
    }

    fn relations(collection: &Collection<()>) -> Vec<&str> {
        collection.links.keys().copied().collect()
    }

    #[test]
    fn a_page_in_the_middle_links_both_ways() {
        let collection = page(1, 25);
        assert_eq!(relations(&collection), ["first", "last", "next", "prev", "self"]);
        assert_eq!(collection.links["last"].href, "http://cinema/books?customerId=7&page=2&size=10");
        assert_eq!(collection.page.total_pages, 3);
    }

    #[test]
    fn an_empty_collection_is_its_own_first_and_last_page() {
        let collection = page(0, 0);
        assert_eq!(relations(&collection), ["first", "last", "self"]);
        assert_eq!(collection.page.total_pages, 0);
    }

    #[test]
    fn a_page_past_the_end_links_back_to_the_last_one() {
        let collection = page(9, 25);
        assert_eq!(collection.links["prev"].href, "http://cinema/books?customerId=7&page=2&size=10");
    }

    #[test]
    fn a_host_that_would_leave_the_host_part_is_not_echoed() {
        assert!(is_host("cinema.example:8088"));
        assert!(is_host("[::1]:8088"));
        assert!(!is_host("evil.example/path"));
        assert!(!is_host("user@evil.example"));
    }
}
