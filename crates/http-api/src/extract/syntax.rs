//! Checks the syntax of JSON without building anything.

use std::fmt;

use http::StatusCode;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::extract::wrong::{NO_NUL, wrong_field};
use crate::problem::Problem;

/// Checks the whole `body`.
///
/// # Errors
///
/// 400 when it is not JSON or nested too deeply, 422 with a pointer when a text or a name in it contains
/// U+0000, which PostgreSQL can neither store nor compare.
pub(super) fn check(body: &[u8]) -> Result<Syntax, Problem> {
    let mut source = serde_json::Deserializer::from_slice(body);
    let malformed = |error: &serde_json::Error| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-body", format!("The body is not JSON: {error}."))
    };
    let syntax = serde_path_to_error::deserialize(&mut source).map_err(|error| match error.inner() {
        inner if inner.is_data() => wrong_field(error),
        inner => malformed(inner),
    })?;
    source.end().map_err(|error| malformed(&error))?;
    Ok(syntax)
}

/// The kind of a well-formed JSON value.
///
/// Deserializing it checks the whole value. serde's `IgnoredAny` would do the same, but serde_json limits the
/// depth to 128 only for values that it does not ignore.
pub(super) enum Syntax {
    Object,
    Other,
}

impl<'de> Deserialize<'de> for Syntax {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Syntax;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Syntax, E> {
        Ok(Syntax::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Syntax, E> {
        Ok(Syntax::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Syntax, E> {
        Ok(Syntax::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Syntax, E> {
        Ok(Syntax::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Syntax, E> {
        if text.contains('\0') { Err(E::custom(NO_NUL)) } else { Ok(Syntax::Other) }
    }

    fn visit_unit<E>(self) -> Result<Syntax, E> {
        Ok(Syntax::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Syntax, A::Error> {
        while seq.next_element::<Syntax>()?.is_some() {}
        Ok(Syntax::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Syntax, A::Error> {
        while map.next_entry::<Syntax, Syntax>()?.is_some() {}
        Ok(Syntax::Object)
    }
}
