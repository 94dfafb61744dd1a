//! The gateway under test, and its clients.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use gateway::Config;
use gateway::loops::Loops;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::upstreams::{self, Unreachable};

/// Ends a test that would otherwise hang. No test measures with it.
pub const HANG: Duration = Duration::from_secs(60);

/// The staff token of the gateway under test.
pub const STAFF_TOKEN: &str = "popcorn";

pub struct Gateway {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
    client: Client,
    _unreachable: Unreachable,
}

impl Gateway {
    /// Starts a gateway with `args`. Services that they do not name are unreachable.
    pub async fn start<const N: usize>(args: [(&str, &str); N]) -> Self {
        Self::start_with(&args).await
    }

    pub async fn start_with(args: &[(&str, &str)]) -> Self {
        let unreachable = upstreams::unreachable();
        let mut line = vec!["gateway".to_owned()];
        if !args.iter().any(|(given, _)| *given == "--staff-token") {
            line.extend(["--staff-token", STAFF_TOKEN].map(str::to_owned));
        }
        for name in ["book", "payment", "mypage", "ticket", "point"] {
            let flag = format!("--{name}-url");
            if !args.iter().any(|(given, _)| *given == flag) {
                line.extend([flag, unreachable.url.clone()]);
            }
        }
        line.extend(args.iter().flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]));
        let config = Config::try_parse_from(line).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let stop = stop.clone();
            async move { gateway::serve(listener, Loops::start().unwrap(), &config, stop).await }
        });
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(HANG)
            .build()
            .unwrap();
        Self { address, stop, serving, client, _unreachable: unreachable }
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    pub fn as_staff(&self, path: &str) -> RequestBuilder {
        self.get(path).header("x-staff-token", STAFF_TOKEN)
    }

    pub fn options(&self, path: &str) -> RequestBuilder {
        self.client.request(reqwest::Method::OPTIONS, self.url(path))
    }

    /// Sends the bytes of `request`, and reads until the gateway closes the connection, which `request` must
    /// ask for.
    pub async fn exchange(&self, request: &str) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let reading = connection.read_to_end(&mut answer);
        tokio::time::timeout(HANG, reading).await.expect("the gateway responds and closes").unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Waits until `holds`.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let holding = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, holding).await.expect("the condition holds in the end");
}

/// Sends `request` and returns the JSON of its response.
pub async fn json(request: RequestBuilder) -> Value {
    request.send().await.unwrap().json().await.unwrap()
}

/// Checks that `response` is the problem `slug`, and returns its body.
pub async fn problem(response: Response, status: StatusCode, slug: &str) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.status(), status);
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], format!("/problems/{slug}"));
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["traceId"].as_str().unwrap().len(), 32);
    body
}
