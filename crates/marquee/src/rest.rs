//! A client of the fleet's REST interface.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::Value;
use uuid::Uuid;

/// Timeout of one call; the deadlines of the fleet are far shorter.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum page size of a collection.
const PAGE_SIZE: u64 = 100;

#[derive(Clone, Debug)]
pub struct Rest {
    base: String,
    client: Client,
}

/// An answer with any status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null if there is no body; a body that is not JSON becomes a string.
    pub body: Value,
}

#[derive(Debug, thiserror::Error)]
pub enum RestError {
    #[error("no answer to {call}")]
    NoAnswer {
        call: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{call} returned {status}: {body}")]
    Refused { call: String, status: u16, body: Value },
}

impl Rest {
    /// Creates a client; `base` is scheme, host and port.
    pub fn new(base: &str) -> Self {
        let client = Client::builder()
            .timeout(CALL_TIMEOUT)
            .no_proxy()
            .tcp_nodelay(true)
            .build()
            .expect("a client without TLS has nothing to fail on");
        Self { base: base.trim_end_matches('/').to_owned(), client }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a GET request and returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// When no answer arrives.
    pub async fn get(&self, path: &str) -> Result<Answer, RestError> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a request, with `body` as JSON if there is one, and returns the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// When no answer arrives.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, RestError> {
        let call = format!("{method} {}{path}", self.base);
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = async {
            let response = request.send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let text = response.text().await?;
            let body = if text.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&text).unwrap_or(Value::String(text))
            };
            Ok(Answer { status, headers, body })
        };
        answer.await.map_err(|source| RestError::NoAnswer { call, source })
    }

    /// Reads every entity of the collection `/<plural>`, page by page.
    ///
    /// # Errors
    ///
    /// When a page returns another status than 200.
    pub async fn collection(&self, plural: &str) -> Result<Vec<Value>, RestError> {
        let mut entities = Vec::new();
        let mut after = 0;
        while let Some((rows, last)) = self.page_after(&format!("/{plural}"), after).await? {
            entities.extend(rows);
            after = last;
        }
        Ok(entities)
    }

    /// Counts the entities of the collection at `path`. If the collection reports only a lower bound, this
    /// reads all of it.
    ///
    /// # Errors
    ///
    /// When a page returns another status than 200.
    pub async fn count(&self, path: &str) -> Result<u64, RestError> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let answer = self.get_ok(&format!("{path}{mark}size=1")).await?;
        let page = &answer.body["page"];
        if page["atLeast"] != true {
            return Ok(page["totalElements"].as_u64().unwrap_or_default());
        }
        let (mut count, mut after) = (0, 0);
        while let Some((rows, last)) = self.page_after(path, after).await? {
            count += rows.len() as u64;
            after = last;
        }
        Ok(count)
    }

    /// Reads the page of the collection at `path` that follows the entity `after`. Returns it with the id of
    /// its last entity, or `None` at the end of the collection.
    async fn page_after(&self, path: &str, after: i64) -> Result<Option<(Vec<Value>, i64)>, RestError> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut answer = self.get_ok(&format!("{path}{mark}after={after}&size={PAGE_SIZE}")).await?;
        let embedded = answer.body["_embedded"].as_object_mut();
        let Some(Value::Array(rows)) = embedded.and_then(|all| all.values_mut().next()).map(Value::take)
        else {
            return Ok(None);
        };
        // A service that does not support `after` returns the same page again.
        let last = rows.last().and_then(|row| row["id"].as_i64()).filter(|last| *last > after);
        Ok(last.map(|last| (rows, last)))
    }

    async fn get_ok(&self, path: &str) -> Result<Answer, RestError> {
        let answer = self.get(path).await?;
        if answer.status == 200 {
            return Ok(answer);
        }
        Err(RestError::Refused {
            call: format!("GET {}{path}", self.base),
            status: answer.status,
            body: answer.body,
        })
    }
}

/// Describes the first difference between `actual` and `expected`. Objects in `actual` may have more fields
/// than expected; lists must have the same length.
pub fn difference(actual: &Value, expected: &Value) -> Option<String> {
    difference_at("", actual, expected)
}

fn difference_at(place: &str, actual: &Value, expected: &Value) -> Option<String> {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected.iter().find_map(|(name, expected)| {
            let actual = actual.get(name).unwrap_or(&Value::Null);
            difference_at(&format!("{place}/{name}"), actual, expected)
        }),
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            let mut pairs = actual.iter().zip(expected).enumerate();
            pairs.find_map(|(index, (actual, expected))| {
                difference_at(&format!("{place}/{index}"), actual, expected)
            })
        }
        _ if actual == expected => None,
        _ => {
            let place = if place.is_empty() { "the body" } else { place };
            Some(format!("expected {place} to be {expected}, but it is {actual}"))
        }
    }
}

/// A random customer id that is almost certainly unused, and that JavaScript represents exactly.
pub fn new_customer() -> i64 {
    const LARGEST: u64 = 1 << 53;
    (Uuid::new_v4().as_u64_pair().1 % LARGEST) as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn additional_fields_are_no_difference() {
        let actual = json!({ "id": 1, "seats": [{ "name": "1A", "free": true }] });
        assert_eq!(difference(&actual, &json!({ "seats": [{ "free": true }] })), None);
    }

    #[test]
    fn first_difference_is_described_with_its_place() {
        let actual = json!({ "seats": [{ "name": "1A" }, { "name": "2B" }] });
        let expected = json!({ "seats": [{ "name": "1A" }, { "name": "2C" }] });
        assert_eq!(
            difference(&actual, &expected).unwrap(),
            "expected /seats/1/name to be \"2C\", but it is \"2B\""
        );
        assert!(difference(&actual, &json!({ "seats": [{}] })).is_some());
        assert!(difference(&actual, &json!({ "id": 1 })).is_some());
    }
}
