//! Headers that are forwarded with a request and a response, and headers that are not.

use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_api::deadline::REQUEST_TIMEOUT_MS;
use http_api::extract::IDEMPOTENCY_KEY;
use http_api::proxies::{FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PREFIX, FORWARDED_PROTO};
use http_api::request::REQUEST_ID;
use http_api::staff::STAFF_TOKEN;
use http_pool::is_hop_by_hop;
use telemetry::trace_context::TRACEPARENT;

use crate::client::Client;

/// The prefix of the headers in which proxies report a client.
const FORWARDED_FAMILY: &str = "x-forwarded-";

/// End-to-end headers, which `Connection` cannot remove: the gateway sets or needs them, or a request without
/// them would have another meaning.
static END_TO_END: [HeaderName; 12] = [
    HOST,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    AUTHORIZATION,
    COOKIE,
    ORIGIN,
    ACCEPT,
    REQUEST_ID,
    HeaderName::from_static(TRACEPARENT),
    IDEMPOTENCY_KEY,
    STAFF_TOKEN,
];

/// Removes the hop-by-hop headers of a response, and those that `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip_nominated(headers);
    strip(headers, is_hop_by_hop);
}

/// Removes the headers that `Connection` names. It reads bytes, because one option that is not text must not
/// hide the others.
fn strip_nominated(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter();
    let options = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let names = options.filter(|option| !is_persistence(option));
    let names = names.filter_map(|name| HeaderName::from_bytes(name).ok());
    let nominated: Vec<HeaderName> = names.filter(|name| !END_TO_END.contains(name)).collect();
    for name in nominated {
        headers.remove(name);
    }
}

/// Removes all headers whose name `is_unwanted`. Few requests have any, so scanning the names costs less than
/// looking up each unwanted one.
fn strip(headers: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    while let Some(name) = headers.keys().find(|name| is_unwanted(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether an option of `Connection` is not the name of a header.
fn is_persistence(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"keep-alive") || option.eq_ignore_ascii_case(b"close")
}

/// Whether only the fleet itself may set a header.
fn is_reserved(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(text, "forwarded" | "x-real-ip")
        || text == REQUEST_TIMEOUT_MS
        || text.starts_with(FORWARDED_FAMILY)
}

/// Turns a client's headers into those of a request to a service. The pool sets `Host`, and removes headers
/// that concern the client's connection or the framing of its request.
///
/// `X-Forwarded-For` contains only the client's address. If it also listed the proxies in front of the
/// gateway, a service that trusts only the gateway would take the last of them for the client.
pub fn forward(headers: &mut HeaderMap, client: &Client) {
    strip_nominated(headers);
    strip(headers, is_reserved);
    let address = HeaderValue::try_from(client.caller.address.to_string());
    headers.insert(FORWARDED_FOR, address.expect("an address is a valid header value"));
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(client.scheme.as_str()));
    if let Some(host) = &client.host {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    if let Some(prefix) = &client.prefix {
        headers.insert(FORWARDED_PREFIX, prefix.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_option_that_is_not_text_does_not_hide_other_options() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONNECTION,
            HeaderValue::from_bytes(b"close, x-own, \xff").expect("a valid header value"),
        );
        headers.insert("x-own", HeaderValue::from_static("1"));
        headers.insert("x-kept", HeaderValue::from_static("1"));
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["x-kept"]);
    }
}
