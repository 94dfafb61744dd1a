//! Arbitrary `Accept` and `If-None-Match` headers. Each line of the input is a line of both.
#![no_main]

use http::header::{ACCEPT, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use http_api::accept::{is_known, preferred};

const OFFERED: [&str; 2] = ["application/hal+json", "application/json"];
const TAG: &str = "\"4711-hal\"";

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let lines: Vec<HeaderValue> = lines.collect();
    check_accept(&lines);
    check_known(&lines);
});

fn headers<'l>(name: &HeaderName, lines: impl IntoIterator<Item = &'l HeaderValue>) -> HeaderMap {
    lines.into_iter().map(|line| (name.clone(), line.clone())).collect()
}

fn check_accept(lines: &[HeaderValue]) {
    let place = |lines: &[&HeaderValue]| preferred(&headers(&ACCEPT, lines.iter().copied()), &OFFERED);
    let all: Vec<_> = lines.iter().collect();
    let preferred = place(&all);
    assert!(preferred < OFFERED.len());

    let reversed: Vec<_> = lines.iter().rev().collect();
    assert_eq!(place(&reversed), preferred, "the order of lines");

    let lower: Vec<_> = lines
        .iter()
        .map(|line| HeaderValue::from_bytes(&line.as_bytes().to_ascii_lowercase()).unwrap())
        .collect();
    assert_eq!(place(&lower.iter().collect::<Vec<_>>()), preferred, "the case of letters");

    let unrelated = HeaderValue::from_static("text/html, image/*;q=0.9, application/jsonx, nonsense");
    assert_eq!(place(&[&all[..], &[&unrelated]].concat()), preferred, "types that are not offered");

    let is_one_list = lines.iter().all(|line| line.to_str().is_ok_and(|line| !line.contains('"')));
    if is_one_list && !lines.is_empty() {
        let joined = lines.iter().map(|line| line.to_str().unwrap()).collect::<Vec<_>>().join(", ");
        let joined = HeaderValue::from_str(&joined).unwrap();
        assert_eq!(place(&[&joined]), preferred, "one line or several");
    }

    let names_json = lines.iter().any(|line| {
        let bare: Vec<u8> =
            line.as_bytes().iter().filter(|byte| !byte.is_ascii_whitespace()).copied().collect();
        bare.to_ascii_lowercase().windows(16).any(|window| window == b"application/json")
    });
    if !names_json {
        let never = HeaderValue::from_static("application/json;q=0");
        assert_eq!(place(&[&all[..], &[&never]].concat()), 0, "q=0 excludes a type");
        let best = HeaderValue::from_static("application/json;q=1, application/hal+json;q=0");
        let never_hal =
            lines.iter().all(|line| !line.as_bytes().to_ascii_lowercase().windows(3).any(|w| w == b"hal"));
        if never_hal {
            assert_eq!(place(&[&all[..], &[&best]].concat()), 1, "q=1 beats q=0");
        }
    }
}

fn check_known(lines: &[HeaderValue]) {
    let known =
        |lines: &[&HeaderValue], tag: &str| is_known(&headers(&IF_NONE_MATCH, lines.iter().copied()), tag);
    let all: Vec<_> = lines.iter().collect();
    let is_known = known(&all, TAG);
    assert_eq!(known(&all, &format!("W/{TAG}")), is_known, "weak or strong");
    let reversed: Vec<_> = lines.iter().rev().collect();
    assert_eq!(known(&reversed, TAG), is_known, "the order of lines");
    for more in ["*", TAG, "W/\"4711-hal\"", "\"a,b\", \"4711-hal\""] {
        assert!(known(&[&all[..], &[&HeaderValue::from_static(more)]].concat(), TAG), "{more} is known");
    }
    if is_known {
        let bytes: Vec<u8> = lines.iter().flat_map(|line| line.as_bytes()).copied().collect();
        let names_it = bytes.windows(TAG.len()).any(|window| window == TAG.as_bytes());
        assert!(names_it || bytes.contains(&b'*'), "a tag that nobody named");
    }
}
