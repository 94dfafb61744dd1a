//! Admits staff by their token, and slows down clients that guess it.

mod guesses;

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use subtle::ConstantTimeEq;

use crate::problem::Problem;
use crate::proxies::Caller;
use guesses::Guesses;

/// The header with the token.
pub const STAFF_TOKEN: HeaderName = HeaderName::from_static("x-staff-token");

/// Minimum length of a token that is safe on a network: it could not be guessed even at full speed.
const TOKEN_MIN_BYTES: usize = 32;

/// The staff token is too short for a process that other machines can reach.
#[derive(Debug, thiserror::Error)]
#[error(
    "STAFF_TOKEN (--staff-token): must have at least {TOKEN_MIN_BYTES} bytes where other machines can reach the process; \
     it has {bytes}"
)]
pub struct ShortToken {
    bytes: usize,
}

/// The token of staff, and the wrong tokens so far.
#[derive(clap::Args, Clone, Default)]
pub struct Staff {
    /// Token that staff send as `X-Staff-Token`: at least 32 bytes, unless HOST is a loopback address.
    /// Without a token, requests of staff are refused.
    #[arg(long, env = "STAFF_TOKEN", hide_env_values = true)]
    staff_token: Option<String>,

    #[arg(skip)]
    guesses: Guesses,
}

impl std::fmt::Debug for Staff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staff").field("is_set", &self.staff_token.is_some()).finish()
    }
}

impl Staff {
    pub fn with_token(token: impl Into<String>) -> Self {
        Self { staff_token: Some(token.into()), guesses: Guesses::default() }
    }

    /// Refuses a token that is too short for a process that other machines can reach at `host`.
    ///
    /// # Errors
    ///
    /// Names the variable and the length.
    pub fn check_length(&self, host: IpAddr) -> Result<(), ShortToken> {
        match self.token() {
            Some(token) if token.len() < TOKEN_MIN_BYTES && !host.to_canonical().is_loopback() => {
                Err(ShortToken { bytes: token.len() })
            }
            _ => Ok(()),
        }
    }

    /// Whether a request claims to be from staff.
    pub fn is_claimed(headers: &HeaderMap) -> bool {
        headers.contains_key(STAFF_TOKEN)
    }

    /// Accepts a request of staff. The time that this takes depends only on the length of the token.
    ///
    /// # Errors
    ///
    /// 403 without the right token. 429 for every token, right or wrong, of a client that has sent several
    /// wrong ones.
    pub fn check(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(sent) = headers.get(STAFF_TOKEN).map(HeaderValue::as_bytes) else {
            return Err(staff_only());
        };
        if let Err(wait) = self.guesses.may_guess(caller.address) {
            let detail = "Your address sent too many wrong staff tokens. Wait before you send the next one.";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).retry_in(wait));
        }
        if self.token().is_some_and(|token| token.as_bytes().ct_eq(sent).into()) {
            return Ok(());
        }
        self.guesses.was_wrong(caller.address);
        Err(staff_only())
    }

    /// Returns the configured token. An empty one counts as none.
    fn token(&self) -> Option<&str> {
        // A Kubernetes Secret that was created from a file ends with a line break, which no header can
        // contain.
        self.staff_token.as_deref().map(str::trim).filter(|token| !token.is_empty())
    }
}

fn staff_only() -> Problem {
    let detail = "Only staff may do this. Send the staff token in the header X-Staff-Token.";
    Problem::new(StatusCode::FORBIDDEN, "staff-only", detail)
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http::header::RETRY_AFTER;

    use super::*;

    fn caller(address: &str) -> Caller {
        Caller::direct(address.parse().unwrap())
    }

    fn headers(sent: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(STAFF_TOKEN, HeaderValue::from_static(sent))])
    }

    /// The status of the answer to a request of `address`.
    fn status(staff: &Staff, address: &str, sent: &'static str) -> u16 {
        let refused = staff.check(&caller(address), &headers(sent)).err();
        refused.map_or(200, |problem| problem.into_response().status().as_u16())
    }

    #[tokio::test]
    async fn only_the_whole_token_is_accepted() {
        for wrong in ["", "s3cre", "s3cretx", "S3CRET"] {
            let staff = Staff::with_token("s3cret");
            assert_eq!(status(&staff, "192.0.2.1", wrong), 403, "{wrong:?}");
            assert_eq!(status(&staff, "192.0.2.1", "s3cret"), 200);
        }
        assert!(Staff::with_token("s3cret").check(&caller("192.0.2.1"), &HeaderMap::new()).is_err());
    }

    #[tokio::test]
    async fn without_a_token_no_request_is_from_staff() {
        for staff in [Staff::default(), Staff::with_token("")] {
            assert_eq!(status(&staff, "192.0.2.1", ""), 403);
            assert!(staff.check(&caller("192.0.2.1"), &HeaderMap::new()).is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_tokens_slow_down_only_their_sender() {
        let staff = Staff::with_token("s3cret");
        for _ in 0..guesses::FREE {
            assert_eq!(status(&staff, "192.0.2.1", "wrong"), 403);
        }
        // Not even the right token: otherwise the responses would distinguish it from the wrong ones.
        for token in ["wrong", "s3cret"] {
            let problem = staff.check(&caller("192.0.2.1"), &headers(token)).unwrap_err().into_response();
            assert_eq!(
                (problem.status().as_u16(), &problem.headers()[RETRY_AFTER]),
                (429, &HeaderValue::from(1))
            );
        }
        assert_eq!(status(&staff, "192.0.2.2", "s3cret"), 200);
        // Clones of the settings, which all handlers have, count together.
        assert_eq!(status(&staff.clone(), "192.0.2.1", "wrong"), 429);
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert_eq!(status(&staff, "192.0.2.1", "s3cret"), 200);
    }

    #[test]
    fn request_without_a_token_is_not_a_guess() {
        let staff = Staff::with_token("s3cret");
        for _ in 0..100 {
            let refused = staff.check(&caller("192.0.2.1"), &HeaderMap::new()).unwrap_err();
            assert_eq!(refused.into_response().status(), StatusCode::FORBIDDEN);
        }
    }

    #[test]
    fn short_token_is_refused_unless_only_this_machine_can_send_it() {
        let check = |token: &str, host: &str| Staff::with_token(token).check_length(host.parse().unwrap());
        let long = "0123456789abcdef0123456789abcdef";
        for host in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            check("popcorn", host).unwrap();
        }
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            check(long, host).unwrap();
            check("", host).unwrap();
            let error = check(&long[1..], host).unwrap_err().to_string();
            assert!(
                error.starts_with("STAFF_TOKEN (--staff-token): ") && error.ends_with("it has 31"),
                "{error}"
            );
            assert!(!error.contains(&long[1..]), "{error}");
        }
    }
}
