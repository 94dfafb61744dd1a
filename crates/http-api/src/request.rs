//! The request that this task serves.

use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use uuid::Uuid;

/// Names a request across processes. A client may choose the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Maximum length of a request id that is accepted from a client.
const REQUEST_ID_MAX: usize = 128;

/// What a problem and an upstream call need to know about the request being served.
#[derive(Clone, Debug)]
pub struct CurrentRequest {
    pub uri: Uri,
    pub id: HeaderValue,
}

tokio::task_local! {
    static CURRENT: Option<CurrentRequest>;
}

/// Returns the request being served, if there is one.
pub fn current() -> Option<CurrentRequest> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// Runs `work` as a part of `request`.
pub fn scope<F: Future>(request: Option<CurrentRequest>, work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(request, work)
}

/// Returns the id that the client chose if it is well formed, or else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let own = headers.get(REQUEST_ID).filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_MAX);
    own.filter(|id| id.as_bytes().iter().all(u8::is_ascii_graphic)).cloned().unwrap_or_else(|| {
        let mut digits = Uuid::encode_buffer();
        let id = Uuid::now_v7().hyphenated().encode_lower(&mut digits);
        HeaderValue::from_str(id).expect("a UUID is visible ASCII")
    })
}
