//! Collections in pages. A page is requested by its number, within the first 10,000 entities, or by the id of
//! the entity before it, without a limit. New entities never shift a page that is read by id, and its cost
//! does not grow with its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use http_api::extract::Query;
use http_api::hal::{BaseUrl, Links, Listed, Resource, embedded, reference, register};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use storage::page::{COUNTED_MAX, Page, Slice};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

const DEFAULT_SIZE: i64 = 20;
const MAX_SIZE: i64 = 100;
/// Parameters of HAL clients that would change an answer. Without an error, the client would assume that the
/// result is sorted.
const NOT_SUPPORTED: [&str; 2] = ["sort", "projection"];

/// One page of a collection.
#[derive(Clone, Debug, Serialize)]
pub struct Collection<T> {
    /// The entities, under their plural name.
    #[serde(rename = "_embedded")]
    pub embedded: BTreeMap<&'static str, Vec<Resource<T>>>,
    #[serde(rename = "_links")]
    pub links: Links,
    pub page: PageInfo,
}

impl<T: Listed> PartialSchema for Collection<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(format!("A page of {}.", T::NAMES.plural)))
            .property("_embedded", embedded::<T>())
            .property("_links", reference::<Links>())
            .property("page", reference::<PageInfo>())
            .required("_embedded")
            .required("_links")
            .required("page")
            .into()
    }
}

impl<T: Listed> ToSchema for Collection<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<Resource<T>>(schemas);
        register::<PageInfo>(schemas);
    }
}

/// The place of a page in its collection.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// Maximum number of entities on a page.
    #[schema(example = 20)]
    pub size: i64,
    /// Number of entities in the collection. They are counted up to 10,000.
    #[schema(maximum = 10_000, example = 1)]
    pub total_elements: i64,
    /// Number of pages of this size that `totalElements` make.
    #[schema(example = 1)]
    pub total_pages: i64,
    /// Number of this page, from 0; absent if the page was requested by `after`.
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
    let detail = format!("This list does not support these parameters: {}.", sent.join(", "));
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

/// Returns the `path` of a collection with its filter `name=value`, if there is a value.
pub fn filtered(path: &str, name: &str, value: Option<impl Display>) -> String {
    value.map_or_else(|| path.to_owned(), |value| format!("{path}?{name}={value}"))
}

impl<T: Listed> Collection<T> {
    /// Creates the page that `request` asks for, of the collection at `path` with its filter, from the rows
    /// of `page`.
    pub fn new<R>(
        base: &BaseUrl,
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
            embedded: BTreeMap::from([(T::NAMES.plural, page.rows.iter().map(resource).collect())]),
            links,
            page: PageInfo { size, total_elements, total_pages, number, at_least },
        }
    }
}

#[cfg(test)]
mod tests;
