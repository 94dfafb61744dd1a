//! Arbitrary JSON bodies, read into requests of the fleet. The oracle reads the same bytes into a tree with
//! serde_json.
#![no_main]

use std::fmt;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use book::http::messages::{BookPatch, BookRequest};
use book::http::screening_messages::ScreeningRequest;
use futures_util::FutureExt;
use fuzz::problems::{self, Read};
use http::header::CONTENT_TYPE;
use libfuzzer_sys::fuzz_target;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use http_api::extract::{Anything, Json, OptionalJson};

fuzz_target!(|data: &[u8]| {
    let tree = serde_json::from_slice::<Tree>(data).ok();
    check::<BookRequest>(data, tree.as_ref());
    check::<BookPatch>(data, tree.as_ref());
    check::<ScreeningRequest>(data, tree.as_ref());
    check::<Anything>(data, tree.as_ref());
    check_optional(data);
});

/// Any JSON, with all members of an object, including repeated ones.
#[derive(Debug)]
enum Tree {
    Other,
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn has_nul(&self) -> bool {
        match self {
            Self::Other => false,
            Self::Text(text) => text.contains('\0'),
            Self::List(items) => items.iter().any(Self::has_nul),
            Self::Object(members) => {
                members.iter().any(|(name, value)| name.contains('\0') || value.has_nul())
            }
        }
    }

    /// Whether a JSON pointer leads to a text or a name with U+0000, which the pointer shows as U+FFFD.
    fn has_nul_at(&self, pointer: &str) -> bool {
        let Some(path) = pointer.strip_prefix('/') else {
            return matches!(self, Self::Text(text) if text.contains('\0'));
        };
        let (segment, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let segment = segment.replace("~1", "/").replace("~0", "~");
        match self {
            Self::List(items) => segment
                .parse()
                .ok()
                .and_then(|at: usize| items.get(at))
                .is_some_and(|item| item.has_nul_at(rest)),
            Self::Object(members) => {
                let mut named = members.iter().filter(|(name, _)| name.replace('\0', "\u{fffd}") == segment);
                named.any(|(name, value)| rest.is_empty() && name.contains('\0') || value.has_nul_at(rest))
            }
            _ => false,
        }
    }
}

fn check<T: DeserializeOwned>(data: &[u8], tree: Option<&Tree>) {
    let answer = Json::<T>::from_request(request(Some("application/json"), data), &()).now_or_never();
    let problem = match answer.expect("the body is there") {
        Ok(_) => {
            assert!(matches!(tree, Some(Tree::Object(_))), "only an object is read");
            assert!(!tree.is_some_and(Tree::has_nul), "no text has U+0000");
            assert!(serde_json::from_slice::<T>(data).is_ok(), "serde reads what was read");
            return;
        }
        Err(problem) => problems::read(problem).now_or_never().expect("the body is there"),
    };
    let Some(tree) = tree else {
        // The first fault counts, which may be a text before the syntax error.
        return assert!(is_malformed(&problem) || is_nul(&problem), "{} for nonsense", problem.status);
    };
    assert_eq!((problem.status, problem.slug.as_str()), (422, "invalid-field"), "well-formed JSON");
    let [(pointer, _)] = &problem.errors[..] else { panic!("{} errors", problem.errors.len()) };
    match tree {
        tree if tree.has_nul() => {
            assert!(is_nul(&problem), "{:?}", problem.errors);
            assert!(tree.has_nul_at(pointer), "{pointer:?} leads elsewhere");
        }
        Tree::Object(_) => assert!(serde_json::from_slice::<T>(data).is_err(), "serde would read it"),
        _ => assert_eq!(pointer, "", "the body is no object"),
    }
}

fn check_optional(data: &[u8]) {
    let read = |content_type| {
        let extracted = OptionalJson::<BookPatch>::from_request(request(content_type, data), &());
        let extracted = extracted.now_or_never().expect("the body is there");
        extracted
            .map(|OptionalJson(value)| value.is_some())
            .map_err(|problem| problems::read(problem).now_or_never().expect("the body is there").status)
    };
    let strict = Json::<BookPatch>::from_request(request(Some("application/json"), data), &()).now_or_never();
    match data.is_empty() {
        true => assert_eq!((read(None), read(Some("application/json"))), (Ok(false), Ok(false))),
        false => {
            assert_eq!(read(None), Err(415));
            assert_eq!(read(Some("application/json")).is_ok(), strict.is_some_and(|read| read.is_ok()));
        }
    }
    assert_eq!(read(Some("text/plain")), Err(415));
}

fn request(content_type: Option<&str>, body: &[u8]) -> Request {
    let builder = Request::post("/books");
    let builder = match content_type {
        Some(content_type) => builder.header(CONTENT_TYPE, content_type),
        None => builder,
    };
    builder.body(Body::from(body.to_vec())).unwrap()
}

fn is_malformed(problem: &Read) -> bool {
    (problem.status, problem.slug.as_str()) == (400, "malformed-body")
}

fn is_nul(problem: &Read) -> bool {
    problem.status == 422 && problem.errors.iter().all(|(_, detail)| detail.contains("U+0000"))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}
