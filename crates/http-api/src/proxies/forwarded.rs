//! `Forwarded` (RFC 7239): one element for each hop.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::FORWARDED;

/// The report of one proxy. An element that breaks the grammar is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The address in `for`; `None` for `unknown` and for a name that hides the address, such as `_gateway`.
    pub client: Option<IpAddr>,
    pub host: Option<String>,
    pub proto: Option<String>,
}

/// Returns the elements of all lines, in the order of the hops.
pub fn elements(headers: &HeaderMap) -> Vec<Element> {
    let lines = headers.get_all(FORWARDED).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.flat_map(|line| of_line(&line)).collect()
}

/// Returns the elements of one line. A proxy appends its element to the line of the client, so an
/// unterminated quote invalidates only the elements to its left.
fn of_line(line: &str) -> Vec<Element> {
    let mut elements = split(line, ',');
    elements.reverse();
    let elements = elements.into_iter().map(str::trim).filter(|element| !element.is_empty());
    elements.map(|element| of_pairs(element).unwrap_or_default()).collect()
}

/// Reads `for=192.0.2.1;proto=https`. A duplicate parameter invalidates the element.
fn of_pairs(text: &str) -> Option<Element> {
    let (mut client, mut element) = (None, Element::default());
    for pair in split(text, ';').into_iter().map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let place = match name.to_ascii_lowercase().as_str() {
            "for" => &mut client,
            "host" => &mut element.host,
            "proto" => &mut element.proto,
            _ => continue,
        };
        if place.replace(unquoted(value)?).is_some() {
            return None;
        }
    }
    element.client = client.as_deref().and_then(address);
    Some(element)
}

/// Splits at each `separator` outside quotes. The search runs from the right, so the last part is returned
/// first.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut end, mut is_quoted) = (Vec::new(), text.len(), false);
    for (at, letter) in text.char_indices().rev() {
        match letter {
            '"' if !(is_quoted && is_escaped(text, at)) => is_quoted = !is_quoted,
            _ if letter == separator && !is_quoted => {
                parts.push(&text[at + 1..end]);
                end = at;
            }
            _ => {}
        }
    }
    parts.push(&text[..end]);
    parts
}

/// Whether the letter at `at` follows an odd number of backslashes.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = &text[..at];
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}

/// Returns the text of a token or of a quoted string.
fn unquoted(value: &str) -> Option<String> {
    let Some(quoted) = value.strip_prefix('"') else {
        return (!value.is_empty() && !value.contains('"')).then(|| value.to_owned());
    };
    let (mut text, mut letters) = (String::new(), quoted.strip_suffix('"')?.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next()?),
            '"' => return None,
            _ => text.push(letter),
        }
    }
    Some(text)
}

/// Reads an address, which may have a port and, for IPv6, brackets.
pub fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(client: Option<&str>, host: Option<&str>, proto: Option<&str>) -> Element {
        Element {
            client: client.map(|address| address.parse().unwrap()),
            host: host.map(str::to_owned),
            proto: proto.map(str::to_owned),
        }
    }

    #[test]
    fn line_lists_one_element_per_hop() {
        let line = r#"For="[2001:db8::1]:4711";host="cinema.example:8088" ; PROTO=https,, for=192.0.2.1"#;
        let hops = [
            element(Some("2001:db8::1"), Some("cinema.example:8088"), Some("https")),
            element(Some("192.0.2.1"), None, None),
        ];
        assert_eq!(of_line(line), hops);
    }

    #[test]
    fn separators_and_escapes_in_quotes_are_text() {
        let hops = of_line(r#"host="a,b;c\"d";by=_x"#);
        assert_eq!(hops, [element(None, Some(r#"a,b;c"d"#), None)]);
    }

    #[test]
    fn hidden_or_unknown_client_has_no_address() {
        for name in ["unknown", "_gateway", "\"_x:80\"", "\"\"", "cinema.example"] {
            let hops = of_line(&format!("for={name};proto=https"));
            assert_eq!(hops, [element(None, None, Some("https"))], "{name}");
        }
    }

    #[test]
    fn element_that_breaks_the_grammar_is_empty() {
        for text in ["for", "for=", "for=192.0.2.1;for=192.0.2.2", r#"host="a"b"#, r#"host=a"b""#] {
            assert_eq!(of_line(text), [Element::default()], "{text}");
        }
        // An unterminated quote, and one in the middle.
        for text in [r#"for=192.0.2.1;host="a"#, r#"for=192.0.2.1;host=a""#, r#"for="192.0.2.1"x"#] {
            assert_eq!(of_line(text), [Element::default()], "{text}");
        }
    }

    #[test]
    fn text_of_a_client_invalidates_nothing_to_its_right() {
        for claim in [r#"for=""#, r#"""#, r#"host="a\"#, r#"\"#, r#"\\""#, r#"host="a\"""#] {
            let line = format!(r#"{claim}, for="203.0.113.7:80";host="cinema";proto=https"#);
            let last = element(Some("203.0.113.7"), Some("cinema"), Some("https"));
            assert_eq!(of_line(&line).pop(), Some(last), "{line}");
        }
    }

    #[test]
    fn address_may_have_brackets_and_a_port() {
        for (text, read) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(address(text), Some(read.parse().unwrap()), "{text}");
        }
        for text in ["", "cinema", "192.0.2", "[192.0.2.1", "192.0.2.1:x", "1"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
