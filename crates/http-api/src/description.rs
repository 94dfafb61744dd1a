//! Completes the OpenAPI description of a process: every operation documents the answers that any request can
//! get.

use axum::body::Bytes;
use axum::response::IntoResponse;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use crate::hal::{self, reference, register};
use crate::problem;

/// The name of the answer to a change that a page of another host requests. Only a process on a loopback
/// address gives it, and only if the request did not come through the gateway.
pub const FOREIGN_ORIGIN: &str = "ForeignOrigin";

/// The status of the only general answer that a request without an effect cannot get.
const FOR_CHANGES: &str = "403";
/// The status of the only general answer with a `Retry-After`.
const TEMPORARY: &str = "503";

/// Answers that do not depend on the operation: status, name of the component, and description.
const GENERAL: [(&str, &str, &str); 9] = [
    ("400", "BadRequest", "The body is not JSON or not complete, or `Host` is invalid. Nothing changed."),
    (FOR_CHANGES, FOREIGN_ORIGIN, "`Origin` is a page of another host. Nothing changed."),
    ("408", "BodyTimeout", "The body arrived too slowly. Nothing changed."),
    ("413", "BodyTooLarge", "The body is too large; `detail` names the limit. Nothing changed."),
    ("415", "UnsupportedMediaType", "The body is not sent as JSON, or is encoded. Nothing changed."),
    ("421", "MisdirectedRequest", "`Host` names a host that is not served here. Nothing changed."),
    ("500", "InternalError", "A bug. The outcome is unknown: check before you repeat the request."),
    (
        TEMPORARY,
        "Unavailable",
        "Overloaded or unreachable. Nothing changed: repeat the request after `Retry-After`.",
    ),
    (
        "504",
        "OutcomeUnknown",
        "No answer in time. The outcome is unknown: check before you repeat the request.",
    ),
];

/// The response with `description`, completed. It is serialized once, and all requests share the bytes.
pub fn document(description: OpenApi) -> impl IntoResponse + Clone + Send + Sync + 'static {
    let bytes = serde_json::to_vec(&complete(description)).expect("a description is JSON");
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Bytes::from(bytes))
}

/// Adds to every operation the general answers whose status it does not document itself, and to every HAL
/// answer its other media type.
pub fn complete(mut description: OpenApi) -> OpenApi {
    let components = description.components.get_or_insert_default();
    let mut schemas = Vec::new();
    register::<problem::Body>(&mut schemas);
    components.schemas.extend(schemas);
    for path in description.paths.paths.values_mut() {
        for (is_change, operation) in operations(path) {
            let responses = &mut operation.responses.responses;
            for response in responses.values_mut() {
                if let RefOr::T(response) = response {
                    offer_json(response);
                }
            }
            for (status, name, text) in GENERAL {
                if (is_change || status != FOR_CHANGES) && !responses.contains_key(status) {
                    responses.insert(status.to_owned(), Ref::from_response_name(name).into());
                    components.responses.insert(name.to_owned(), response(status, text).into());
                }
            }
        }
    }
    description
}

/// Returns the operations of a path, and whether each may change something.
fn operations(path: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = path;
    let changes = [put, post, delete, patch].map(|operation| (true, operation));
    let all = [(false, get)].into_iter().chain(changes);
    all.filter_map(|(is_change, operation)| Some((is_change, operation.as_mut()?)))
}

/// The body is the same in both media types, and the client chooses by `Accept`.
fn offer_json(response: &mut Response) {
    if let Some(content) = response.content.get(hal::MEDIA_TYPE).cloned() {
        response.content.insert("application/json".to_owned(), content);
    }
}

fn response(status: &str, description: &str) -> Response {
    let problem = ContentBuilder::new().schema(Some(reference::<problem::Body>())).build();
    let response = ResponseBuilder::new().description(description).content(problem::MEDIA_TYPE, problem);
    if status != TEMPORARY {
        return response.build();
    }
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait.")).build();
    response.header("Retry-After", header).build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use utoipa::openapi::path::{HttpMethod, OperationBuilder};
    use utoipa::openapi::{InfoBuilder, OpenApiBuilder, PathsBuilder};

    use super::*;

    fn described() -> Value {
        let own = ContentBuilder::new().build();
        let ok = ResponseBuilder::new().content(hal::MEDIA_TYPE, own).build();
        let get = OperationBuilder::new().response("200", ok);
        let post = OperationBuilder::new().response("503", Response::new("Sold out."));
        let path = |method, operation| PathItem::new(method, operation);
        let paths = PathsBuilder::new()
            .path("/books", path(HttpMethod::Get, get))
            .path("/seats", path(HttpMethod::Post, post));
        let whole = OpenApiBuilder::new().info(InfoBuilder::new().build()).paths(paths).build();
        json!(complete(whole))
    }

    #[test]
    fn operation_documents_general_answers_beside_its_own() {
        let description = described();
        let statuses = |operation: &str| -> Vec<String> {
            let responses = description.pointer(operation).unwrap().as_object().unwrap();
            responses.keys().cloned().collect()
        };
        let reading = ["200", "400", "408", "413", "415", "421", "500", "503", "504"];
        assert_eq!(statuses("/paths/~1books/get/responses"), reading);
        let changing = ["400", "403", "408", "413", "415", "421", "500", "503", "504"];
        assert_eq!(statuses("/paths/~1seats/post/responses"), changing);
        assert_eq!(description["paths"]["/seats"]["post"]["responses"]["503"]["description"], "Sold out.");
        let reference = &description["paths"]["/books"]["get"]["responses"]["503"]["$ref"];
        assert_eq!(reference, "#/components/responses/Unavailable");
        assert_eq!(
            description["components"]["responses"]["Unavailable"]["content"][problem::MEDIA_TYPE]["schema"],
            json!({ "$ref": "#/components/schemas/Problem" })
        );
    }

    #[test]
    fn hal_answer_is_also_described_as_json() {
        let content = &described()["paths"]["/books"]["get"]["responses"]["200"]["content"];
        let types: Vec<&String> = content.as_object().unwrap().keys().collect();
        assert_eq!(types, ["application/hal+json", "application/json"]);
    }
}
