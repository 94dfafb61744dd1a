use http::header::FORWARDED;
use http::{HeaderValue, Uri};
use proptest::prelude::*;

use super::*;

/// Trusts 10.0.0.0/8 and 2001:db8::/32.
fn proxies() -> TrustedProxies {
    "10.0.0.0/8, 2001:db8::/32".parse().unwrap()
}

fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn caller(peer: &str, lines: &[(HeaderName, &str)]) -> Caller {
    proxies().caller(peer.parse().unwrap(), &headers(lines))
}

fn address(peer: &str, lines: &[(HeaderName, &str)]) -> String {
    caller(peer, lines).address.to_string()
}

fn host(caller: &Caller) -> Option<String> {
    caller.host.clone().map(|host| caller.with_port(host).to_string())
}

#[test]
fn list_accepts_addresses_and_networks_and_turns_mapped_ones_into_ipv4() {
    let proxies: TrustedProxies =
        "192.0.2.1, ::1,10.1.2.3/8,::ffff:198.51.100.0/120,::ffff:203.0.113.9".parse().unwrap();
    for trusted in [
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "::1",
        "10.255.0.1",
        "198.51.100.77",
        "203.0.113.9",
        "::ffff:10.0.0.1",
    ] {
        assert!(proxies.contains(trusted.parse().unwrap()), "{trusted}");
    }
    for other in ["192.0.2.2", "::2", "11.0.0.1", "198.51.101.1", "203.0.113.8"] {
        assert!(!proxies.contains(other.parse().unwrap()), "{other}");
    }
    assert!(!"".parse::<TrustedProxies>().unwrap().contains(IpAddr::from(Ipv4Addr::LOCALHOST)));
}

#[test]
fn text_that_is_no_network_is_named() {
    for (list, item) in
        [("10.0.0.0/33", "10.0.0.0/33"), ("::1,gateway", "gateway"), ("10.0.0.1,", ""), ("*", "*")]
    {
        let error = list.parse::<TrustedProxies>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("'{item}' is neither")), "{error}");
    }
}

#[test]
fn untrusted_peer_is_the_client_whatever_it_sends() {
    let claims = [
        (FORWARDED_FOR, "203.0.113.7"),
        (FORWARDED_HOST, "evil.example"),
        (FORWARDED_PROTO, "https"),
        (FORWARDED_PORT, "1"),
        (FORWARDED_PREFIX, "/evil"),
        (FORWARDED, "for=203.0.113.7;host=evil.example"),
    ];
    let peer = "198.51.100.1".parse().unwrap();
    assert_eq!(proxies().caller(peer, &headers(&claims)), Caller::direct(peer));
    assert_eq!(TrustedProxies::default().caller(peer, &headers(&claims)), Caller::direct(peer));
}

#[test]
fn client_is_the_first_untrusted_address_from_the_right() {
    for (chain, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("192.0.2.66, 203.0.113.7", "203.0.113.7"),
        ("192.0.2.66, 203.0.113.7, 10.0.0.2, 10.0.0.3", "203.0.113.7"),
        ("203.0.113.7:4711, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7,,", "203.0.113.7"),
        ("[2001:db9::7]:4711", "2001:db9::7"),
        // Only proxies: the outermost of them asks for itself.
        ("10.0.0.2, 10.0.0.3", "10.0.0.2"),
        // Where a name is no address, the proxy that reports it is the client.
        ("203.0.113.7, unknown", "10.0.0.1"),
        ("203.0.113.7, nonsense, 10.0.0.2", "10.0.0.2"),
        ("", "10.0.0.1"),
    ] {
        assert_eq!(address("::ffff:10.0.0.1", &[(FORWARDED_FOR, chain)]), client, "{chain}");
    }
}

#[test]
fn several_lines_of_one_name_are_one_list() {
    let lines = [(FORWARDED_FOR, "192.0.2.66"), (FORWARDED_FOR, "203.0.113.7"), (FORWARDED_FOR, "10.0.0.2")];
    assert_eq!(address("10.0.0.1", &lines), "203.0.113.7");
    let lines = [(FORWARDED, "for=192.0.2.66"), (FORWARDED, "for=203.0.113.7, for=10.0.0.2")];
    assert_eq!(address("10.0.0.1", &lines), "203.0.113.7");
}

#[test]
fn host_scheme_port_and_prefix_are_those_of_the_outermost_trusted_proxy() {
    let chain = (FORWARDED_FOR, "192.0.2.66, 203.0.113.7, 10.0.0.2");
    // Each proxy adds its own, or the outer one has replaced what it got.
    for (hosts, protos) in
        [("evil, cinema.example, inner:80", "http, HTTPS, http"), ("cinema.example", "HTTPS")]
    {
        let caller = caller(
            "10.0.0.1",
            &[
                chain.clone(),
                (FORWARDED_HOST, hosts),
                (FORWARDED_PROTO, protos),
                (FORWARDED_PORT, "8443"),
                (FORWARDED_PREFIX, "/cinema/"),
            ],
        );
        assert_eq!(caller.address.to_string(), "203.0.113.7");
        assert_eq!(host(&caller).as_deref(), Some("cinema.example:8443"));
        assert_eq!(caller.scheme, Some(Scheme::Https));
        assert_eq!(caller.prefix.unwrap().as_str(), "/cinema");
    }
}

#[test]
fn behind_one_proxy_only_the_last_value_counts() {
    let caller =
        caller("10.0.0.1", &[(FORWARDED_FOR, "192.0.2.66, 203.0.113.7"), (FORWARDED_HOST, "evil, cinema")]);
    assert_eq!(host(&caller).as_deref(), Some("cinema"));
}

#[test]
fn port_completes_a_host_without_one() {
    for (name, port, proto, whole) in [
        ("cinema", "8443", "https", "cinema:8443"),
        ("cinema", "443", "https", "cinema"),
        ("cinema", "80", "http", "cinema"),
        ("cinema", "80", "https", "cinema:80"),
        ("cinema:1", "8443", "https", "cinema:1"),
        ("cinema", "none", "https", "cinema"),
    ] {
        let lines = [(FORWARDED_HOST, name), (FORWARDED_PORT, port), (FORWARDED_PROTO, proto)];
        assert_eq!(host(&caller("10.0.0.1", &lines)).as_deref(), Some(whole), "{name} {port} {proto}");
    }
}

#[test]
fn malformed_values_of_a_trusted_proxy_are_ignored() {
    let caller = caller(
        "10.0.0.1",
        &[
            (FORWARDED_FOR, "sälen"),
            (FORWARDED_HOST, "a b/evil"),
            (FORWARDED_PROTO, "gopher"),
            (FORWARDED_PORT, "99999"),
            (FORWARDED_PREFIX, "//evil.example"),
        ],
    );
    assert_eq!(caller, Caller { is_forwarded: true, ..Caller::direct("10.0.0.1".parse().unwrap()) });
}

#[test]
fn forwarded_is_read_from_the_right_too() {
    let line = r#"for=192.0.2.66;host=evil, for="203.0.113.7:4711";host="cinema.example:8088";proto=HTTPS, for="[2001:db8::9]""#;
    let caller = caller("10.0.0.1", &[(FORWARDED, line)]);
    assert_eq!(caller.address.to_string(), "203.0.113.7");
    assert_eq!(host(&caller).as_deref(), Some("cinema.example:8088"));
    assert_eq!(caller.scheme, Some(Scheme::Https));
}

#[test]
fn hidden_client_still_has_the_host_that_its_proxy_reports() {
    for name in ["unknown", "_x"] {
        let line = format!("for=192.0.2.66, for={name};host=cinema;proto=https");
        let caller = caller("10.0.0.1", &[(FORWARDED, &line)]);
        assert_eq!(caller.address.to_string(), "10.0.0.1");
        assert_eq!(host(&caller).as_deref(), Some("cinema"));
    }
}

#[test]
fn forwarded_is_ignored_beside_the_other_family() {
    let caller =
        caller("10.0.0.1", &[(FORWARDED, "for=192.0.2.66;host=evil"), (FORWARDED_FOR, "203.0.113.7")]);
    assert_eq!(caller.address.to_string(), "203.0.113.7");
    assert_eq!(caller.host, None);
}

#[test]
fn chain_beyond_the_limit_ends_at_the_limit() {
    let chain = ["10.0.0.2"; HOPS_MAX + 1].join(",").replacen("10.0.0.2", "203.0.113.7", 1);
    assert_eq!(address("10.0.0.1", &[(FORWARDED_FOR, &chain)]), "10.0.0.2");
}

#[test]
fn customer_is_an_ipv4_address_or_an_ipv6_network() {
    for (address, expected) in [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    ] {
        assert_eq!(customer(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
    }
}

/// Text as a hostile client or a broken proxy may send it: mostly letters that the grammars care about.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9.:;,=\\[\\]\"\\\\ /@?#%_-]{0,60}",
        "((for|host|proto|by)=(\"?[a-z0-9.:\\[\\]]{0,20}\"?)[;, ]{0,2}){0,5}",
        "(10\\.0\\.0\\.[0-9]|203\\.0\\.113\\.7|unknown|x|::1)(, ?(10\\.0\\.0\\.[0-9]|192\\.0\\.2\\.1|_y)){0,5}",
        "[ -~\u{80}-\u{ff}]{0,40}",
    ]
}

proptest! {
    #[test]
    fn whatever_proxies_send_a_link_stays_on_the_host_it_names(
        lines in prop::collection::vec((0..6_usize, value()), 0..6),
    ) {
        let mut headers = HeaderMap::new();
        for (name, text) in &lines {
            let name = FAMILY.get(*name).unwrap_or(&FORWARDED);
            headers.append(name, HeaderValue::from_bytes(text.as_bytes()).unwrap());
        }
        let caller = proxies().caller("10.0.0.1".parse().unwrap(), &headers);
        if let Some(host) = caller.host.clone() {
            let host = caller.with_port(host).to_string();
            let prefix = caller.prefix.as_ref().map_or("", Prefix::as_str);
            let link: Uri = format!("http://{host}{prefix}/books/1").parse().unwrap();
            prop_assert_eq!(link.authority().unwrap().as_str(), host);
            prop_assert_eq!(link.path(), format!("{prefix}/books/1"));
        }
    }

    #[test]
    fn a_host_that_is_read_is_the_whole_authority_of_a_link(text in value()) {
        if let Some(host) = Host::parse(&text) {
            let link: Uri = format!("http://{host}/books/1").parse().unwrap();
            prop_assert_eq!(link.authority().unwrap().as_str(), host.to_string());
            prop_assert_eq!(Host::parse(&host.to_string()), Some(host));
        }
    }

    #[test]
    fn claims_to_the_left_of_the_client_change_nothing(claims in value()) {
        let chain = format!("{claims}, 203.0.113.7, 10.0.0.2");
        prop_assert_eq!(address("10.0.0.1", &[(FORWARDED_FOR, &chain)]), "203.0.113.7");
        let hosts = format!("{claims}, cinema.example, inner");
        let reported = caller("10.0.0.1", &[(FORWARDED_FOR, &chain), (FORWARDED_HOST, &hosts)]);
        prop_assert_eq!(host(&reported), Some("cinema.example".to_owned()));
        let line = format!(r#"{claims}, for="203.0.113.7:80";host="cinema.example";proto=https, for=10.0.0.2"#);
        let reported = caller("10.0.0.1", &[(FORWARDED, &line)]);
        prop_assert_eq!(reported.address.to_string(), "203.0.113.7");
        prop_assert_eq!(host(&reported), Some("cinema.example".to_owned()));
        prop_assert_eq!(reported.scheme, Some(Scheme::Https));
    }
}
