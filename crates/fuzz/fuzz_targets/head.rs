//! The head of a request, forwarded by the gateway's own code to a service.
//!
//! The input is text: the peer, `TRUSTED_PROXIES`, `METHOD target version`, the header lines, an empty line,
//! the body.
#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use fuzz::problems;
use fuzz::strict::{self, Read};
use gateway::client::{Client, Clients};
use gateway::proxy::Upstream;
use gateway::replicas::Replicas;
use http::header::{CONNECTION, FORWARDED, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use libfuzzer_sys::{Corpus, fuzz_target};
use http_api::proxies::{Caller, FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PORT, FORWARDED_PREFIX, FORWARDED_PROTO, Host, Prefix, Scheme, TrustedProxies};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Ends a run that would otherwise hang.
const HANG: Duration = Duration::from_secs(10);
/// A client that the nearest proxy reports.
const REAL: &str = "203.0.113.77";
/// Hop-by-hop headers, by RFC 9110 (section 7.6.1).
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
/// Headers that only the fleet may set, or that concern only the gateway.
const OURS: [&str; 5] = ["host", "expect", "forwarded", "x-real-ip", "x-request-timeout-ms"];
/// Headers that a service needs or the gateway sets. A client cannot remove them with `Connection`.
const KEPT: [&str; 12] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
    "origin",
    "accept",
    "x-request-id",
    "traceparent",
    "idempotency-key",
    "x-staff-token",
];

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(case) = Case::read(data) else { return Corpus::Reject };
    case.check_caller();
    case.check_claims();
    let clients = Clients::new(case.trusted.clone(), None);
    let caller = clients.caller(case.peer, &case.request.headers().clone());
    match clients.client(caller, &case.request.clone().map(axum::body::Body::from)) {
        Ok(client) => case.check_client(&client),
        Err(problem) => {
            let problem = problems::read(problem).now_or_never().expect("the body is there");
            assert_eq!((problem.status, problem.slug.as_str()), (400, "invalid-host"));
        }
    }
    Corpus::Keep
});

struct Case {
    peer: IpAddr,
    trusted: TrustedProxies,
    request: Request<Bytes>,
}

impl Case {
    fn read(data: &[u8]) -> Option<Self> {
        let mut rest = data;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            Some(line)
        };
        let text = |line| std::str::from_utf8(line).ok();
        let peer = text(line()?)?.parse().ok()?;
        let trusted = text(line()?)?.parse().ok()?;
        let mut first = line()?.split(|byte| *byte == b' ');
        let method = Method::from_bytes(first.next()?).ok()?;
        let uri = Uri::try_from(first.next()?).ok()?;
        let version = if first.next() == Some(b"HTTP/1.0") { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut headers = HeaderMap::new();
        while let Some(field) = line().filter(|line| !line.is_empty()) {
            let colon = field.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&field[..colon]).ok()?;
            headers.append(name, HeaderValue::from_bytes(field[colon + 1..].trim_ascii()).ok()?);
        }
        let mut request = Request::new(Bytes::copy_from_slice(rest));
        (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (method, uri, version);
        *request.headers_mut() = headers;
        Some(Self { peer, trusted, request })
    }

    /// Checks that claims of an untrusted peer are ignored, and that every resulting host and prefix is safe
    /// in a link.
    fn check_caller(&self) {
        let caller = self.trusted.caller(self.peer, self.request.headers());
        let direct = Caller::direct(self.peer);
        if !self.trusted.contains(self.peer) {
            assert_eq!(caller, direct, "the claims of a peer that is not trusted");
        }
        if !caller.is_forwarded {
            assert_eq!(caller, direct);
        }
        assert_eq!(caller.address, caller.address.to_canonical());
        if let Some(host) = &caller.host {
            check_host(&host.to_string());
            check_host(&caller.with_port(host.clone()).to_string());
        }
        if let Some(prefix) = &caller.prefix {
            check_prefix(prefix.as_str());
        }
    }

    /// Checks that a client's claims do not change what a trusted proxy adds to their right.
    fn check_claims(&self) {
        let real: IpAddr = REAL.parse().unwrap();
        if !self.trusted.contains(self.peer) || self.trusted.contains(real) {
            return;
        }
        let added = [
            (FORWARDED_FOR, REAL),
            (FORWARDED_HOST, "cinema.example"),
            (FORWARDED_PROTO, "https"),
            (FORWARDED_PORT, "8443"),
            (FORWARDED_PREFIX, "/tickets"),
        ];
        let mut expected = Caller {
            address: real,
            is_forwarded: true,
            scheme: Some(Scheme::Https),
            host: Host::parse("cinema.example"),
            port: Some(8443),
            prefix: Prefix::parse("/tickets"),
        };
        for add in [add_line, add_to_line] {
            let mut headers = self.request.headers().clone();
            added.iter().for_each(|(name, value)| add(&mut headers, name, value));
            assert_eq!(self.trusted.caller(self.peer, &headers), expected, "{headers:?}");
        }
        (expected.port, expected.prefix) = (None, None);
        for add in [add_line, add_to_line] {
            let mut headers = self.request.headers().clone();
            // A proxy that sends one kind of header does not forward the other kind.
            added.iter().for_each(|(name, _)| drop(headers.remove(name)));
            add(&mut headers, &FORWARDED, "for=\"203.0.113.77:80\";host=cinema.example;proto=https");
            assert_eq!(self.trusted.caller(self.peer, &headers), expected, "{headers:?}");
        }
    }

    /// Checks what a service receives from the gateway, in memory and on the wire.
    fn check_client(&self, client: &Client) {
        let (own, version) = (self.request.headers(), self.request.version());
        assert!(
            own.get_all(HOST).iter().count() == 1 || version == Version::HTTP_10 && !own.contains_key(HOST)
        );
        if let Some(host) = &client.host {
            check_host(host.to_str().unwrap());
        }
        if let Some(prefix) = &client.prefix {
            check_prefix(prefix.to_str().unwrap());
        }
        let mut forwarded = own.clone();
        gateway::headers::forward(&mut forwarded, client);
        let expected = self.expected(client);
        assert_eq!(fields(&forwarded), expected, "{own:?}");
        if *self.request.method() != Method::CONNECT {
            WIRE.with_borrow_mut(|wire| {
                wire.get_or_insert_with(Wire::start).check(&self.request, client, expected)
            });
        }
    }

    /// Returns the fields that a service may receive, derived from the rules and not from the code.
    fn expected(&self, client: &Client) -> Fields {
        let mut fields = fields(self.request.headers());
        let options = self.request.headers().get_all(CONNECTION).iter();
        let options = options.flat_map(|options| options.as_bytes().split(|byte| *byte == b','));
        for option in options.map(|option| option.trim_ascii().to_ascii_lowercase()) {
            let name = String::from_utf8(option).unwrap_or_default();
            if name != "close" && !KEPT.contains(&name.as_str()) {
                fields.remove(&name);
            }
        }
        let is_dropped = |name: &str| {
            HOP_BY_HOP.contains(&name) || OURS.contains(&name) || name.starts_with("x-forwarded-")
        };
        fields.retain(|name, _| !is_dropped(name));
        let mut say = |name: &str, value: &[u8]| fields.insert(name.to_owned(), vec![value.to_vec()]);
        say("x-forwarded-for", client.caller.address.to_string().as_bytes());
        say("x-forwarded-proto", client.scheme.as_str().as_bytes());
        if let Some(host) = &client.host {
            say("x-forwarded-host", host.as_bytes());
        }
        if let Some(prefix) = &client.prefix {
            say("x-forwarded-prefix", prefix.as_bytes());
        }
        fields
    }
}

fn add_line(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    headers.append(name, HeaderValue::from_str(value).unwrap());
}

fn add_to_line(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    let mut lines: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    let Some(last) = lines.pop() else { return add_line(headers, name, value) };
    lines.push(HeaderValue::from_bytes(&[last.as_bytes(), b", ", value.as_bytes()].concat()).unwrap());
    headers.remove(name);
    for line in lines {
        headers.append(name, line);
    }
}

fn check_host(text: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:[]".contains(&byte);
    assert!(!text.is_empty() && text.bytes().all(is_plain), "{text:?}");
    assert_eq!(Host::parse(text).map(|host| host.to_string()).as_deref(), Some(text), "it reads as itself");
    let url: Uri = format!("http://{text}/path").parse().expect("it may stand in a link");
    assert_eq!((url.authority().map(|host| host.as_str()), url.path()), (Some(text), "/path"));
}

fn check_prefix(text: &str) {
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    assert!(text.strip_prefix('/').is_some_and(|path| path.split('/').all(is_segment)), "{text:?}");
    assert_eq!(Prefix::parse(text).as_ref().map(Prefix::as_str), Some(text), "it reads as itself");
    assert_eq!(text.parse::<Uri>().expect("it may stand in a link").path(), text);
}

/// The values of each field, in order.
type Fields = BTreeMap<String, Vec<Vec<u8>>>;

fn fields(headers: &HeaderMap) -> Fields {
    let values = |name| headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect();
    headers.keys().map(|name| (name.as_str().to_owned(), values(name))).collect()
}

thread_local! {
    static WIRE: RefCell<Option<Wire>> = const { RefCell::new(None) };
}

/// The gateway's upstream, and a service that reports every byte that it receives.
struct Wire {
    runtime: Runtime,
    upstream: Upstream,
    address: String,
    seen: mpsc::UnboundedReceiver<Vec<u8>>,
}

impl Wire {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (see, seen) = mpsc::unbounded_channel();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, see.clone()));
            }
        });
        let urls = format!("http://{address}").parse().unwrap();
        let upstream = Upstream::new("book", Replicas::new("book", &urls, HANG), CancellationToken::new());
        Self { runtime, upstream, address, seen }
    }

    /// Forwards `request`, and compares what arrives with the `expected` fields.
    fn check(&mut self, request: &Request<Bytes>, client: &Client, mut expected: Fields) {
        let answer = self.runtime.block_on(self.upstream.forward(request.clone(), client));
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "the service's own answer");
        let bytes = self.seen.try_recv().expect("the service sees it");
        assert!(self.seen.try_recv().is_err(), "the service sees nothing else");
        let Read::Whole(head) = strict::head(&bytes) else { panic!("{}", bytes.escape_ascii()) };
        assert_eq!(bytes[head.end..], request.body()[..], "the body");

        let line = String::from_utf8(head.line.clone()).expect("the first line is text");
        let parts: Vec<_> = line.split(' ').collect();
        let [method, target, "HTTP/1.1"] = parts[..] else { panic!("{line:?}") };
        assert_eq!(method, request.method().as_str());
        assert!(target.starts_with('/') || target == "*", "{line:?}");

        let mut arrived = Fields::new();
        for (name, value) in &head.fields {
            arrived.entry(name.clone()).or_default().push(value.clone());
        }
        let length = arrived.remove("content-length");
        let length = length.map(|lines| String::from_utf8(lines.concat()).unwrap());
        let own = request.body().len().to_string();
        assert!(length.is_none_or(|length| length == own), "the one length is the body's");
        assert!(request.body().is_empty() || head.all("content-length").count() == 1);
        expected.remove("content-length");
        expected.insert("host".to_owned(), vec![self.address.clone().into_bytes()]);
        assert_eq!(arrived, expected);
    }
}

/// Reads requests by their `Content-Length`, and responds to each.
async fn serve(mut connection: TcpStream, see: mpsc::UnboundedSender<Vec<u8>>) {
    let mut bytes = Vec::new();
    loop {
        if let Read::Whole(head) = strict::head(&bytes) {
            let length =
                head.all("content-length").next().and_then(|length| std::str::from_utf8(length).ok());
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            if bytes.len() >= head.end + length {
                let _ = see.send(std::mem::take(&mut bytes));
                let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                if connection.write_all(answer).await.is_err() {
                    return;
                }
            }
        }
        if !matches!(connection.read_buf(&mut bytes).await, Ok(1..)) {
            return;
        }
    }
}
