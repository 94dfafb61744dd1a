//! Content negotiation: which representation a client prefers, and which one it already has.

use http::header::{ACCEPT, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};

/// How well a media range matches a media type: how many of its parts, and its weight in thousandths.
type Fit = (u8, u16);

/// Returns the index in `offered` of the media type that `Accept` prefers. The first one is the default, also
/// for a client that accepts none of them, which RFC 9110 (12.5.1) allows. If two types have the same weight,
/// the one that the client names more specifically is preferred.
pub fn preferred(headers: &HeaderMap, offered: &[&str]) -> usize {
    let ranges: Vec<Range<'_>> = lines(headers, &ACCEPT).filter_map(Range::parse).collect();
    let fit =
        |media_type: &str| ranges.iter().filter_map(|range| range.fit(media_type)).max().unwrap_or((0, 0));
    let mut best = (0, 0, 0);
    for (at, media_type) in offered.iter().enumerate() {
        let (specificity, weight) = fit(media_type);
        if weight > 0 && (weight, specificity) > (best.0, best.1) {
            best = (weight, specificity, at);
        }
    }
    best.2
}

/// Whether the client already has the representation with this entity `tag`, so that the response is 304:
/// `If-None-Match` is `*` or lists the tag, weak or strong, on one line or several.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    lines(headers, &IF_NONE_MATCH).any(|known| known == "*" || opaque(known) == opaque(tag))
}

/// Returns the members of a list header. Several lines are one list.
fn lines<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    lines.filter_map(|line| HeaderValue::to_str(line).ok()).flat_map(members)
}

/// Splits at commas outside quotes.
fn members(list: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let split = list.split(move |letter| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match letter {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        letter == ',' && !is_quoted
    });
    split.map(str::trim).filter(|member| !member.is_empty())
}

/// A member of `Accept`.
struct Range<'h> {
    main: &'h str,
    sub: &'h str,
    /// In thousandths; 0 means not acceptable.
    weight: u16,
}

impl<'h> Range<'h> {
    /// Returns `None` for a malformed member, which is ignored. Parameters other than `q` are ignored too:
    /// the media types of the fleet have none.
    fn parse(member: &'h str) -> Option<Self> {
        let mut parts = member.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| weight(value.trim()))
        });
        Some(Self { main: main.trim(), sub: sub.trim(), weight: weight.unwrap_or(Some(1_000))? })
    }

    fn fit(&self, media_type: &str) -> Option<Fit> {
        let (main, sub) = media_type.split_once('/')?;
        let is_main = self.main.eq_ignore_ascii_case(main);
        let specificity = match (self.main, self.sub) {
            ("*", "*") => 1,
            (_, "*") if is_main => 2,
            (_, own) if is_main && own.eq_ignore_ascii_case(sub) => 3,
            _ => return None,
        };
        Some((specificity, self.weight))
    }
}

/// Reads a weight: `0.5` is 500. It has at most three digits after the point.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 2] = ["application/hal+json", "application/json"];

    fn headers(name: http::HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn accept_is_ranked_by_q_and_then_by_specificity() {
        for (lines, expected) in [
            (&[][..], 0),
            (&["*/*"], 0),
            (&["application/*"], 0),
            (&["application/json"], 1),
            (&["Application/JSON; charset=utf-8"], 1),
            (&["application/json, */*;q=0.5"], 1),
            (&["application/json, text/plain, */*"], 1),
            (&["application/json, application/hal+json"], 0),
            (&["application/json;q=0.5, application/hal+json;q=0.4"], 1),
            (&["application/json;q=0, */*"], 0),
            (&["application/hal+json;q=0, */*"], 1),
            (&["application/hal+json;q=0", "application/*;q=0.1"], 1),
            (&["application/*;q=0.2, application/hal+json;q=0.1"], 1),
            (&["application/jsonx"], 0),
            (&["text/html, application/json;q=0"], 0),
            (&["text/html;x=\"application/json, application/json\""], 0),
            (&["application/json;q=2, application/json;q=0.0001, nonsense"], 0),
        ] {
            assert_eq!(preferred(&headers(ACCEPT, lines), &OFFERED), expected, "{lines:?}");
        }
    }

    #[test]
    fn tag_matches_weak_or_strong_on_any_line_and_by_a_star() {
        for known in [
            &["*"][..],
            &["\"a\""],
            &["W/\"a\""],
            &["\"x\", \"a\""],
            &["\"x\"", "W/\"y\" , W/\"a\""],
            &["\"x,\\\"y\", \"a\""],
        ] {
            assert!(is_known(&headers(IF_NONE_MATCH, known), "\"a\""), "{known:?}");
            assert!(is_known(&headers(IF_NONE_MATCH, known), "W/\"a\""), "{known:?}");
        }
        for unknown in [&[][..], &["\"x\""], &["a"], &["\"*\""], &["\"x, \"a\"\""]] {
            assert!(!is_known(&headers(IF_NONE_MATCH, unknown), "\"a\""), "{unknown:?}");
        }
    }
}
