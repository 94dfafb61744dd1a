//! The commands of the seed's documentation. Each runs unchanged through the gateway, except for the port.
//!
//! They run as requests that are identical, byte by byte, to those of the clients. With
//! `MARQUEE_TEST_CLIENTS=1`, which the gate sets, the clients themselves run, too, and must be installed.

use std::process::Command;

use marquee::rest::difference;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::fleet::{Fleet, run};
use crate::wait::until;

/// The address in the commands below, which the tests replace with their own.
const GATEWAY: &str = "http://localhost:8088";

/// A command, the request that its client sends, and the answer.
struct Line {
    command: &'static str,
    method: Method,
    path: &'static str,
    body: &'static str,
    status: u16,
    /// The fields that the answer must have at least.
    answer: Value,
}

/// "8088 포트를 사용하여 API를 발생시킨다": books, collects, and shows the booking.
fn gateway_section() -> Vec<Line> {
    vec![
        book(
            "http POST http://localhost:8088/books qty=2 movieName=\"soul\" seat=\"1A,2B\" totalPrice=10000",
        ),
        collect("http PATCH http://localhost:8088/tickets/1 status=\"Printed\""),
        Line {
            command: "http http://localhost:8088/books/1",
            method: Method::GET,
            path: "/books/1",
            body: "",
            status: 200,
            answer: json!({ "status": "PrintComplete", "movieName": "soul", "qty": 2, "seat": "1A,2B" }),
        },
    ]
}

/// "Mypage": books, collects, and shows the booking in mypage.
fn mypage_section() -> Vec<Line> {
    vec![
        book(
            "http POST http://localhost:8088/books qty=2 movieName=\"soul\" seat=\"1A,2B\" totalPrice=10000",
        ),
        collect("http PATCH http://localhost:8088/tickets/1 status=\"Printed\""),
        Line {
            command: "http http://localhost:8088/mypages/1",
            method: Method::GET,
            path: "/mypages/1",
            body: "",
            status: 200,
            answer: json!({ "bookingId": 1, "status": "Printed", "score": 100, "price": 10000, "qty": 2 }),
        },
    ]
}

/// The same commands for curl, with JSON numbers.
fn curl_section() -> Vec<Line> {
    vec![
        Line {
            body: r#"{"qty":2,"movieName":"soul","seat":"1A,2B","totalPrice":10000}"#,
            ..book(
                r#"curl -sS -X POST http://localhost:8088/books -H 'Content-Type: application/json' -d '{"qty":2,"movieName":"soul","seat":"1A,2B","totalPrice":10000}'"#,
            )
        },
        Line {
            body: r#"{"status":"Printed"}"#,
            ..collect(
                r#"curl -sS -X PATCH http://localhost:8088/tickets/1 -H 'Content-Type: application/json' -d '{"status":"Printed"}'"#,
            )
        },
        Line {
            command: "curl -sS http://localhost:8088/books/1",
            method: Method::GET,
            path: "/books/1",
            body: "",
            status: 200,
            answer: json!({ "id": 1, "status": "PrintComplete" }),
        },
        Line {
            command: "curl -sS http://localhost:8088/mypages/1",
            method: Method::GET,
            path: "/mypages/1",
            body: "",
            status: 200,
            answer: json!({ "id": 1, "status": "Printed" }),
        },
    ]
}

/// "siege -c50 -t60S -r10 --content-type "application/json" 'http://book:8080/books POST {"qty":"3"}'": the
/// body of the load test, which has a quantity only.
const SIEGE_BODY: &str = r#"{"qty":"3"}"#;

/// "Config Map": every booking contains the cinema's name.
const CONFIG_MAP_BODY: &str = r#"{"movieName":"WonderWoman","qty":2,"seat":"1,2","totalPrice":20000}"#;

fn book(command: &'static str) -> Line {
    Line {
        command,
        method: Method::POST,
        path: "/books",
        // httpie sends the value after `=` as text.
        body: r#"{"qty": "2", "movieName": "soul", "seat": "1A,2B", "totalPrice": "10000"}"#,
        status: 201,
        answer: json!({
            "id": 1, "qty": 2, "movieName": "soul", "seat": "1A,2B", "totalPrice": 10000, "name": "CGV",
            "status": "Registered",
        }),
    }
}

fn collect(command: &'static str) -> Line {
    Line {
        command,
        method: Method::PATCH,
        path: "/tickets/1",
        body: r#"{"status": "Printed"}"#,
        status: 200,
        answer: json!({ "id": 1, "bookingId": 1, "status": "Printed" }),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_section_of_the_seed_is_answered() {
    answers_as_requests(gateway_section(), HTTPIE_HEADERS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mypage_section_of_the_seed_is_answered() {
    answers_as_requests(mypage_section(), HTTPIE_HEADERS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_commands_are_answered() {
    answers_as_requests(curl_section(), CURL_HEADERS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn siege_and_config_map_bodies_are_answered() {
    let fleet = Fleet::up().await;
    let (status, booking) = send(&fleet, &Method::POST, "/books", SIEGE_BODY, SIEGE_HEADERS).await;
    assert_eq!(status, 201, "{booking}");
    assert_eq!(difference(&booking, &json!({ "qty": 3, "status": "Registered", "seat": null })), None);

    let (status, booking) = send(&fleet, &Method::POST, "/books", CONFIG_MAP_BODY, CURL_HEADERS).await;
    assert_eq!(status, 201, "{booking}");
    let expected = json!({
        "movieName": "WonderWoman", "name": "CGV", "qty": 2, "seat": "1,2", "status": "Registered",
        "totalPrice": 20000,
    });
    assert_eq!(difference(&booking, &expected), None);
    let link = booking["_links"]["self"]["href"].as_str().unwrap();
    assert_eq!(link, format!("http://127.0.0.1:{}/books/2", fleet.port_base + 8));
    assert_eq!(booking["_links"]["book"]["href"], link);
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_are_answered() {
    if std::env::var("MARQUEE_TEST_CLIENTS").as_deref() != Ok("1") {
        return;
    }
    for section in [gateway_section(), mypage_section(), curl_section()] {
        let fleet = Fleet::up().await;
        for line in section {
            let command = on_port_of(line.command, &fleet);
            let what = format!("{command} to be answered as the seed expects");
            until(&what, async || {
                let (code, printed) = run(shell(&command)).await;
                let answer: Value =
                    serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}"))?;
                match difference(&answer, &line.answer) {
                    None if code == 0 => Ok(()),
                    None => Err(format!("exit code {code}")),
                    Some(difference) => retry_or_panic(&line, &answer, difference),
                }
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_siege_is_answered() {
    if std::env::var("MARQUEE_TEST_CLIENTS").as_deref() != Ok("1") {
        return;
    }
    let fleet = Fleet::up().await;
    // The seed's command, with fewer users, and ten rounds in place of a minute.
    let command =
        r#"siege -c5 -r10 --content-type "application/json" 'http://localhost:8088/books POST {"qty":"3"}'"#;
    let mut siege = shell(&on_port_of(command, &fleet));
    // siege writes settings to the home directory.
    siege.env("HOME", &fleet.data_dir);
    let (code, printed) = run(siege).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(fleet.rest.count("/books").await.unwrap(), 50, "{printed}");
    let books = fleet.rest.collection("books").await.unwrap();
    assert!(books.iter().all(|booking| booking["qty"] == 3), "{printed}");
}

/// The headers that the clients add.
const HTTPIE_HEADERS: &[(&str, &str)] = &[
    ("user-agent", "HTTPie/3.2.4"),
    ("accept-encoding", "gzip, deflate"),
    ("accept", "application/json, */*;q=0.5"),
    ("connection", "keep-alive"),
    ("content-type", "application/json"),
];
const CURL_HEADERS: &[(&str, &str)] =
    &[("user-agent", "curl/8.5.0"), ("accept", "*/*"), ("content-type", "application/json")];
const SIEGE_HEADERS: &[(&str, &str)] = &[
    ("accept", "*/*"),
    ("accept-encoding", "gzip, deflate"),
    ("user-agent", "Mozilla/5.0 (unknown-x86_64-linux-gnu) Siege/4.0.7"),
    ("connection", "close"),
    ("content-type", "application/json"),
];

async fn answers_as_requests(section: Vec<Line>, headers: &[(&str, &str)]) {
    let fleet = Fleet::up().await;
    for line in section {
        until(line.command, async || {
            let (status, answer) = send(&fleet, &line.method, line.path, line.body, headers).await;
            match difference(&answer, &line.answer) {
                None => {
                    assert_eq!(status, line.status, "{}", line.command);
                    Ok(())
                }
                Some(difference) => retry_or_panic(&line, &answer, difference),
            }
        })
        .await;
    }
}

/// A person types the next command a moment later, when events have had their effect, so these requests are
/// retried. A booking must be answered correctly at once.
fn retry_or_panic(line: &Line, answer: &Value, difference: String) -> Result<(), String> {
    assert!(line.method != Method::POST, "{}: {difference}: {answer}", line.command);
    Err(format!("{difference}: {answer}"))
}

async fn send(
    fleet: &Fleet,
    method: &Method,
    path: &str,
    body: &'static str,
    headers: &[(&str, &str)],
) -> (u16, Value) {
    let client = Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method.clone(), format!("{}{path}", fleet.rest.base()));
    for (name, value) in headers.iter().filter(|(name, _)| !body.is_empty() || *name != "content-type") {
        request = request.header(*name, *value);
    }
    if !body.is_empty() {
        request = request.body(body);
    }
    let response = request.send().await.unwrap();
    let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn on_port_of(command: &str, fleet: &Fleet) -> String {
    command.replace(GATEWAY, &format!("http://localhost:{}", fleet.port_base + 8))
}

/// Runs a command in a shell. httpie would read its standard input if that is not a terminal.
fn shell(command: &str) -> Command {
    let mut shell = Command::new("bash");
    let command = match command.strip_prefix("http ") {
        Some(rest) => format!("http --ignore-stdin {rest}"),
        None => command.to_owned(),
    };
    shell.args(["-c", &command]).stdin(std::process::Stdio::null());
    shell
}
