//! Names the wrong field of a body or a query, and the reason.

use serde_path_to_error::Segment;

use crate::problem::{FieldError, Problem};

/// The detail of a text that contains U+0000.
pub(super) const NO_NUL: &str = "must not contain the character U+0000";

/// 422, with the pointer to where reading failed.
pub(super) fn wrong_field(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let mut pointer: String = error
        .path()
        .iter()
        .map(|segment| match segment {
            // Its own text has brackets.
            Segment::Seq { index } => format!("/{index}"),
            other => {
                let name = other.to_string().replace('~', "~0").replace('/', "~1");
                format!("/{name}").replace('\0', "\u{fffd}")
            }
        })
        .collect();
    let detail = without_position(&error.into_inner());
    // The path of a missing field, or of a duplicate one, ends at its parent.
    let named = ["missing field `", "duplicate field `"].iter().find_map(|kind| detail.strip_prefix(kind));
    if let Some(name) = named.and_then(|rest| rest.strip_suffix('`')) {
        pointer.push('/');
        pointer.push_str(name);
    }
    Problem::invalid_fields(vec![FieldError { pointer, detail: plain(detail) }])
}

/// Rewrites a `detail` of serde for clients.
fn plain(detail: String) -> String {
    if detail.starts_with("missing field `") {
        return "is required".to_owned();
    }
    if detail.starts_with("duplicate field `") {
        return "must be sent once".to_owned();
    }
    let is_unexpected = ["invalid type: ", "invalid value: ", "invalid length: "];
    let is_unexpected = is_unexpected.iter().any(|kind| detail.starts_with(kind));
    match detail.rsplit_once(", expected ").filter(|_| is_unexpected) {
        None => detail,
        Some((_, "a string")) => "must be text".to_owned(),
        Some((_, "a sequence")) => "must be a list".to_owned(),
        Some((_, "a map")) => "must be an object".to_owned(),
        Some((_, expected)) if expected.starts_with("struct ") => "must be an object".to_owned(),
        Some((_, expected)) => format!("must be {expected}"),
    }
}

/// Drops the line and the column: the pointer is more precise.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}
