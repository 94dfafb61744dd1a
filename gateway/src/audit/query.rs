//! The query of `/audit`.

use std::ops::RangeInclusive;
use std::time::Duration;

use http_api::problem::{FieldError, Problem};
use serde::Deserialize;
use utoipa::IntoParams;

/// Maximum number of bookings per audit, for which it needs about 100 MB. `marquee audit`, which reads the
/// databases, has no limit.
const LIMIT_MAX: u64 = 1_000_000;
/// Pause before a booking that looks wrong is read again.
const SETTLE_SECONDS: u64 = 5;
const SETTLE_SECONDS_MAX: u64 = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Maximum number of bookings to audit, from the first one.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 1, maximum = 1_000_000, default = 1_000_000)]
    limit: Option<i64>,
    /// Seconds to wait before a booking that looks wrong is read again.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(example = 5, minimum = 0, maximum = 60)]
    settle_seconds: Option<i64>,
}

impl AuditQuery {
    /// Returns the maximum number of bookings to read, or the default.
    ///
    /// # Errors
    ///
    /// 422 if it is out of range.
    pub fn limit(&self) -> Result<u64, Problem> {
        within("limit", self.limit, LIMIT_MAX, 1..=LIMIT_MAX)
    }

    /// Returns how long a booking must be unchanged to be checked, or the default.
    ///
    /// # Errors
    ///
    /// 422 if it is out of range.
    pub fn settle(&self) -> Result<Duration, Problem> {
        let seconds = within("settleSeconds", self.settle_seconds, SETTLE_SECONDS, 0..=SETTLE_SECONDS_MAX)?;
        Ok(Duration::from_secs(seconds))
    }
}

fn within(name: &str, given: Option<i64>, default: u64, range: RangeInclusive<u64>) -> Result<u64, Problem> {
    let number = given.map_or(Ok(default), u64::try_from).ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let detail = format!("must be from {} to {}", range.start(), range.end());
        Problem::invalid_fields(vec![FieldError::new(name, detail)])
    })
}
