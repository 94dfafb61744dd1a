//! How much of an audit is asked for.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use service_kit::problem::{FieldError, Problem};
use utoipa::IntoParams;

/// Bookings of one audit at most, which take about 100 MB. Beyond them, `marquee audit` reads the databases.
const LIMIT_MAX: u64 = 1_000_000;
/// Pause before what seems wrong is looked at again, where nothing else is asked for, and at most.
const SETTLE_SECONDS: u64 = 5;
const SETTLE_SECONDS_MAX: u64 = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// How many bookings to look at at most, from the first on.
    #[serde(default, deserialize_with = "service_kit::extract::parameter::optional_number")]
    #[param(minimum = 1, maximum = 1_000_000, default = 1_000_000)]
    limit: Option<i64>,
    /// How long to wait before what seems wrong is looked at again, in seconds.
    #[serde(default, deserialize_with = "service_kit::extract::parameter::optional_number")]
    #[param(example = 5, minimum = 0, maximum = 60)]
    settle_seconds: Option<i64>,
}

impl AuditQuery {
    /// # Errors
    ///
    /// 422 when it is out of range.
    pub fn limit(&self) -> Result<u64, Problem> {
        within("limit", self.limit, LIMIT_MAX, 1..=LIMIT_MAX)
    }

    /// # Errors
    ///
    /// 422 when it is out of range.
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
