//! The process: invalid settings and failed starts.

use std::process::{Command, Output};

fn gateway(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gateway")).args(args).env_clear().output().unwrap()
}

#[test]
fn invalid_setting_is_named_in_one_line_and_exits_64() {
    for (flag, value, variable) in [
        ("--port", "70000", "PORT"),
        ("--book-url", "book:8080", "BOOK_URL"),
        ("--payment-url", "https://payment", "PAYMENT_URL"),
        ("--mypage-url", "http://a,http://a", "MYPAGE_URL"),
        ("--upstream-timeout-ms", "0", "UPSTREAM_TIMEOUT_MS"),
        ("--cors-allowed-origins", "*", "CORS_ALLOWED_ORIGINS"),
        ("--public-url", "cinema.example", "PUBLIC_URL"),
        ("--trusted-proxies", "gateway", "TRUSTED_PROXIES"),
        ("--staff-token", "short", "STAFF_TOKEN"),
    ] {
        let output = gateway(&[flag, value]);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{message}");
        assert!(message.contains(&format!("{variable} ({flag}): ")), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn port_in_use_is_reported_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = gateway(&["--host", "127.0.0.1", "--port", &port]);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with(&format!("cannot start: cannot listen on 127.0.0.1:{port}: ")));
    assert_eq!(message.lines().count(), 1, "{message}");
}
