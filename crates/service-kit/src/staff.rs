//! What only staff may do, and who they are: whoever knows the token.

use http::{HeaderMap, HeaderValue, StatusCode};
use subtle::ConstantTimeEq;

use crate::problem::Problem;

/// Carries the token of a request.
const HEADER: &str = "x-staff-token";

/// What staff send with their requests.
#[derive(clap::Args, Clone, Default)]
pub struct Staff {
    /// Token that staff send as `X-Staff-Token`; without one nobody is staff.
    #[arg(long, env = "STAFF_TOKEN", hide_env_values = true)]
    staff_token: Option<String>,
}

impl std::fmt::Debug for Staff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staff").field("is_set", &self.staff_token.is_some()).finish()
    }
}

impl Staff {
    pub fn with_token(token: impl Into<String>) -> Self {
        Self { staff_token: Some(token.into()) }
    }

    /// Lets a request of staff pass. How long this takes tells nothing of the token but its length.
    ///
    /// # Errors
    ///
    /// 403 for everybody else.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let sent = headers.get(HEADER).map(HeaderValue::as_bytes);
        let token = self.staff_token.as_deref().filter(|token| !token.is_empty());
        match (token, sent) {
            (Some(token), Some(sent)) if token.as_bytes().ct_eq(sent).into() => Ok(()),
            _ => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "staff-only",
                "Only staff may do this: send their token as X-Staff-Token.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_let_in(staff: &Staff, sent: Option<&'static str>) -> bool {
        let value = sent.map(HeaderValue::from_static);
        staff
            .check(&value.into_iter().map(|value| (http::HeaderName::from_static(HEADER), value)).collect())
            .is_ok()
    }

    #[test]
    fn who_knows_the_token_is_staff_and_nobody_else() {
        let staff = Staff::with_token("s3cret");
        assert!(is_let_in(&staff, Some("s3cret")));
        for wrong in [None, Some(""), Some("s3cre"), Some("s3cretx"), Some("S3CRET")] {
            assert!(!is_let_in(&staff, wrong), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_token_nobody_is_staff() {
        for staff in [Staff::default(), Staff::with_token("")] {
            assert!(!is_let_in(&staff, None) && !is_let_in(&staff, Some("")));
        }
    }
}
