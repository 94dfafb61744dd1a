//! HAL (`application/hal+json`): links and short collections. The crate `service` has the collections in
//! pages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Index;

use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION, VARY};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::accept;
use crate::proxies::{Caller, Host, Prefix};

/// `application/hal+json`.
pub const MEDIA_TYPE: &str = "application/hal+json";

/// Links by relation, such as `self`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Links(pub BTreeMap<&'static str, Link>);

/// A link.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Link {
    /// The URL to request.
    #[schema(example = "http://localhost:8088/books/1")]
    pub href: String,
}

impl Links {
    /// Adds a link, or replaces the one of this `relation`.
    pub fn insert(&mut self, relation: &'static str, link: Link) {
        self.0.insert(relation, link);
    }
}

impl<const N: usize> From<[(&'static str, Link); N]> for Links {
    fn from(links: [(&'static str, Link); N]) -> Self {
        Self(links.into())
    }
}

impl Index<&str> for Links {
    type Output = Link;

    fn index(&self, relation: &str) -> &Link {
        &self.0[relation]
    }
}

/// An entity with its `_links`. Its schema has the name of the entity's.
#[derive(Clone, Debug, Serialize)]
pub struct Resource<T> {
    #[serde(flatten)]
    pub entity: T,
    #[serde(rename = "_links")]
    pub links: Links,
}

/// All of a collection that is short by nature, such as what belongs to one booking.
#[derive(Clone, Debug, Serialize)]
pub struct List<T> {
    /// The entities, under their plural name.
    #[serde(rename = "_embedded")]
    pub embedded: BTreeMap<&'static str, Vec<Resource<T>>>,
    #[serde(rename = "_links")]
    pub links: Links,
}

impl<T: ToSchema> PartialSchema for Resource<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.properties.insert("_links".to_owned(), reference::<Links>());
            object.required.push("_links".to_owned());
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Resource<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        register::<Links>(schemas);
    }
}

impl<T: Listed> PartialSchema for List<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(format!("All matching {}.", T::NAMES.plural)))
            .property("_embedded", embedded::<T>())
            .property("_links", reference::<Links>())
            .required("_embedded")
            .required("_links")
            .into()
    }
}

impl<T: Listed> ToSchema for List<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}List", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        register::<Resource<T>>(schemas);
    }
}

/// Returns the schema of `_embedded` in a collection: an array, under the plural name.
pub fn embedded<T: Listed>() -> RefOr<Schema> {
    let plural = T::NAMES.plural;
    let entities = ArrayBuilder::new().items(reference::<Resource<T>>());
    ObjectBuilder::new().property(plural, entities).required(plural).into()
}

/// Returns a reference to the schema of `T`.
pub fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// Adds the schema of `T`, and all to which it refers.
pub fn register<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// A HAL response.
pub struct Hal<T>(pub T);

impl<T: Serialize> IntoResponse for Hal<T> {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

impl<T: Serialize> Resource<T> {
    /// Returns a response with a `Location`, for 201 and 202.
    pub fn located(self, status: StatusCode) -> Response {
        let location = HeaderValue::from_str(&self.links["self"].href);
        let mut response = (status, Hal(self)).into_response();
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// The beginning of every link: the address under which the client reached the fleet.
///
/// A trusted proxy reports it in `X-Forwarded-Proto`, `-Host` and `-Prefix`; a client without a proxy names
/// it in `Host`. If a proxy reports no host, links are relative, because `Host` is then an internal address.
#[derive(Clone, Debug)]
pub struct BaseUrl(String);

impl<S: Sync> FromRequestParts<S> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let prefix = caller.prefix.as_ref().map_or("", Prefix::as_str);
        let host = if caller.is_forwarded { caller.host.clone() } else { own_host(&parts.headers) };
        let scheme = caller.scheme.unwrap_or_default();
        Ok(Self(match host {
            Some(host) => format!("{scheme}://{}{prefix}", caller.with_port(host)),
            None => prefix.to_owned(),
        }))
    }
}

/// Returns the host that a client without a proxy names, if there is one.
fn own_host(headers: &HeaderMap) -> Option<Host> {
    headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(Host::parse)
}

impl BaseUrl {
    pub fn link(&self, path: &str) -> Link {
        Link { href: format!("{}{path}", self.0) }
    }

    /// Returns `entity` with the links `self` and `<relation>` to `/<plural>/<id>`.
    pub fn resource<T>(&self, names: Names, id: impl std::fmt::Display, entity: T) -> Resource<T> {
        let link = self.link(&format!("/{}/{id}", names.plural));
        let links = Links::from([("self", link.clone()), (names.relation, link)]);
        Resource { entity, links }
    }

    /// Returns the whole collection of `entities` at `path` (with its filter).
    pub fn list<T: Listed>(&self, path: &str, entities: Vec<Resource<T>>) -> List<T> {
        List {
            embedded: BTreeMap::from([(T::NAMES.plural, entities)]),
            links: Links::from([("self", self.link(path))]),
        }
    }
}

/// The names of a kind of entity in links and collections.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    pub relation: &'static str,
    pub plural: &'static str,
}

/// An entity of which there are collections.
pub trait Listed: ToSchema {
    const NAMES: Names;
}

/// The representations of an entity. Their bodies are the same.
const REPRESENTATIONS: [&str; 2] = [MEDIA_TYPE, "application/json"];

/// Which representation the client prefers, by `Accept`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation(&'static str);

impl Representation {
    fn of(headers: &HeaderMap) -> Self {
        Self(REPRESENTATIONS[accept::preferred(headers, &REPRESENTATIONS)])
    }

    /// Returns the entity tag of this representation of `state`.
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

/// Middleware: labels the response with the media type that the client prefers. Unless a handler allows it, a
/// response may not be stored, because most contain personal data.
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::extract::ConnectInfo;

    use super::*;
    use crate::proxies::TrustedProxies;

    /// Returns a link in the response to `peer`, where only 10.0.0.1 is a trusted proxy.
    async fn base(peer: Option<&str>, headers: &[(&'static str, &str)]) -> String {
        let mut request = http::Request::get("/books/1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert::<TrustedProxies>("10.0.0.1".parse().unwrap());
        if let Some(peer) = peer {
            parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        }
        BaseUrl::from_request_parts(&mut parts, &()).await.unwrap().link("/books/1").href
    }

    #[tokio::test]
    async fn links_begin_with_what_a_trusted_proxy_reports() {
        let reported = [
            ("host", "127.0.0.1:8081"),
            ("x-forwarded-for", "203.0.113.7"),
            ("x-forwarded-host", "cinema.example:8088"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/tickets"),
        ];
        assert_eq!(base(Some("10.0.0.1"), &reported).await, "https://cinema.example:8088/tickets/books/1");
        // No other peer is trusted.
        for peer in [Some("10.0.0.2"), None] {
            assert_eq!(base(peer, &reported).await, "http://127.0.0.1:8081/books/1");
        }
    }

    #[tokio::test]
    async fn links_are_relative_behind_a_proxy_that_reports_no_host() {
        for reported in [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-host", "a b/evil")] {
            let headers = [("host", "127.0.0.1:8081"), reported];
            assert_eq!(base(Some("10.0.0.1"), &headers).await, "/books/1");
        }
    }

    #[tokio::test]
    async fn links_are_relative_without_a_host_that_is_safe_in_a_link() {
        assert_eq!(base(None, &[]).await, "/books/1");
        for host in ["evil.example/path", "user@evil.example", ""] {
            assert_eq!(base(None, &[("host", host)]).await, "/books/1", "{host}");
        }
        assert_eq!(base(Some("10.0.0.1"), &[("host", "cinema")]).await, "http://cinema/books/1");
    }
}
