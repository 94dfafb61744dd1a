//! `/problems`: a page about each type of problem that a process of the fleet answers.
//!
//! Browsers get HTML, all other clients HAL. A page shows the problem as a client receives it, because the
//! type that makes the answers makes the example too.

mod catalog;
mod html;

use std::collections::BTreeMap;

use axum::Extension;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_api::accept;
use http_api::hal::{self, Links, List, Listed, Names, Resource};
use http_api::problem::{self, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::catalog::{Kind, kinds};
use crate::client::Client;

/// The path of the list; the page of a type is one segment below.
const PATH: &str = "/problems";
/// The style sheet of the pages. No slug has a dot.
const STYLES_PATH: &str = "/problems/style.css";
const STYLES: &str = include_str!("problems/style.css");

/// What a client may ask for; JSON is the default.
const REPRESENTATIONS: [&str; 3] = [hal::MEDIA_TYPE, "application/json", HTML];
const HTML: &str = "text/html";

/// A type of problem.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemType {
    /// The `type` of these problems.
    #[serde(rename = "type")]
    #[schema(example = "/problems/seat-taken")]
    kind: String,
    #[schema(example = "Seat taken")]
    title: String,
    #[schema(example = 409)]
    status: u16,
    /// Which processes answer it.
    #[schema(example = "book")]
    from: &'static str,
    /// What it means.
    meaning: &'static str,
    /// What the caller can do.
    remedy: &'static str,
    /// A problem of this type, as a client receives it.
    example: problem::Body,
}

/// A type of problem with its links.
type ProblemTypeResource = Resource<ProblemType>;
/// All types of problems.
type ProblemTypeList = List<ProblemType>;

impl Listed for ProblemType {
    const NAMES: Names = Names { relation: "problem", plural: "problems" };
}

/// Returns the routes and their descriptions.
pub fn routes<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(problem_types))
        .routes(routes!(problem_type))
        .route(STYLES_PATH, axum::routing::get(styles))
}

/// Lists the types of problems, by status.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "listProblems",
    tag = "fleet",
    responses(
        (status = OK, description = "All types; HTML if `Accept` prefers it", content(
            (ProblemTypeList = "application/hal+json"),
            (String = "text/html"),
        )),
    )
)]
async fn problem_types(Extension(client): Extension<Client>, headers: HeaderMap) -> Response {
    represent(&headers, html::list, || {
        let entities = kinds().iter().map(|kind| resource(&client, kind)).collect();
        let links = Links::from([("self", client.link(PATH))]);
        List { embedded: BTreeMap::from([(ProblemType::NAMES.plural, entities)]), links }
    })
}

/// Explains a type of problem: what it means, and what the caller can do.
#[utoipa::path(
    get,
    path = "/problems/{slug}",
    operation_id = "showProblem",
    tag = "fleet",
    params(("slug" = String, Path, description = "The last part of the type", example = "seat-taken")),
    responses(
        (status = OK, description = "The type, with an example; HTML if `Accept` prefers it", content(
            (ProblemTypeResource = "application/hal+json"),
            (String = "text/html"),
        )),
        (status = NOT_FOUND, description = "No such type", body = problem::Body, content_type = "application/problem+json"),
    )
)]
async fn problem_type(
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kind = kinds().iter().find(|kind| problem::type_of(kind.slug) == uri.path());
    let kind = kind.ok_or_else(|| {
        let detail = format!("There is no type of problem at {}. {PATH} lists all types.", uri.path());
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
    })?;
    Ok(represent(&headers, || html::page(kind), || resource(&client, kind)))
}

async fn styles() -> impl IntoResponse {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLES)
}

fn resource(client: &Client, kind: &Kind) -> ProblemTypeResource {
    let path = problem::type_of(kind.slug);
    let links = Links::from([("self", client.link(&path)), ("problems", client.link(PATH))]);
    let entity = ProblemType {
        kind: path,
        title: problem::title(kind.slug),
        status: kind.status.as_u16(),
        from: kind.from,
        meaning: kind.meaning,
        remedy: kind.remedy,
        example: kind.example_body(),
    };
    Resource { entity, links }
}

/// Returns the representation that the client prefers.
fn represent<T: Serialize>(
    headers: &HeaderMap,
    page: impl FnOnce() -> String,
    entity: impl FnOnce() -> T,
) -> Response {
    let mut response = match REPRESENTATIONS[accept::preferred(headers, &REPRESENTATIONS)] {
        HTML => Html(page()).into_response(),
        media_type => {
            ([(CONTENT_TYPE, HeaderValue::from_static(media_type))], axum::Json(entity())).into_response()
        }
    };
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}
