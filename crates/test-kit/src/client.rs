//! Sends requests to a router, without a socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Builder;
use http::{HeaderMap, Method, Request, StatusCode};
use http_api::proxies::TrustedProxies;
use serde_json::Value;
use tower::ServiceExt;

const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A client of one router.
#[derive(Clone, Debug)]
pub struct Client(pub Router);

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `Null` if the response has no JSON body.
    pub body: Value,
}

impl Answer {
    /// Returns the text of a header, or an empty text if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the last part of the problem's `type`. Panics if the response is not a complete problem.
    pub fn problem(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.body["status"], self.status.as_u16());
        for field in ["title", "detail", "instance", "traceId"] {
            assert!(self.body[field].is_string(), "{field} in {}", self.body);
        }
        self.body["type"].as_str().unwrap().trim_start_matches("/problems/")
    }

    /// Returns the pointers of the problem's errors.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map_or(&[][..], Vec::as_slice);
        errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

impl Client {
    /// Returns a client of the same router that acts as a trusted proxy on this machine.
    pub fn behind_a_proxy(&self) -> Self {
        self.from_peer(Ipv4Addr::LOCALHOST.into(), TrustedProxies::loopback())
    }

    /// Returns a client of the same router whose connection comes from `peer`.
    pub fn from_peer(&self, peer: IpAddr, trusted: TrustedProxies) -> Self {
        let peer = ConnectInfo(SocketAddr::new(peer, 4711));
        Self(self.0.clone().layer((Extension(peer), Extension(trusted))))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PATCH, path, body).await
    }

    /// Sends a GET with additional headers.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(with(request(Method::GET, path), headers).body(Body::empty()).unwrap()).await
    }

    /// Sends a POST with additional headers.
    pub async fn post_with(&self, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        let request = request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(with(request, headers).body(Body::from(body.to_string())).unwrap()).await
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = request(method, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.0.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, BODY_LIMIT).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }
}

fn with(request: Builder, headers: &[(&str, &str)]) -> Builder {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
    headers.iter().fold(request, |request, (header, value)| request.header(name(header), *value))
}

fn request(method: Method, path: &str) -> Builder {
    Request::builder().method(method).uri(path).header("host", "cinema")
}
