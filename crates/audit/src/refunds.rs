//! Refunds that are under way, and those that take too long. Pure.
//!
//! Payment asks the provider to cancel until the provider confirms, so a refund takes as long as the provider
//! is unreachable.

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Clock;
use crate::found::Found;
use crate::kind::Kind;
use crate::story::{PaymentRow, Story};

/// A refund that the provider has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnderWay {
    pub booking_id: i64,
    /// Describes the start and the state of the refund for a person.
    pub detail: String,
}

/// The refund of `story` that is under way, if it has one.
pub fn under_way(story: &Story) -> Option<UnderWay> {
    let payment = unconfirmed(story)?;
    Some(UnderWay { booking_id: story.booking_id, detail: detail(story, payment) })
}

fn detail(story: &Story, payment: &PaymentRow) -> String {
    let since = payment.updated_at.and_then(|at| Timestamp::from_microsecond(at).ok());
    let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
    let booking = story.status_text();
    let (status, price) = (&payment.status, payment.total_price);
    format!("refund under way{since}: the payment of {price} is {status}, and the booking is {booking}")
}

/// Adds a refund that takes too long. If the reader does not see times, the refund is only reported as under
/// way.
pub(crate) fn violations(story: &Story, clock: Clock, found: &mut Found) {
    let is_late = |payment: &&PaymentRow| payment.updated_at.is_some_and(|at| clock.is_refund_overdue(at));
    if let Some(payment) = unconfirmed(story).filter(is_late) {
        found.add(Kind::RefundUnfinished, detail(story, payment));
    }
}

fn unconfirmed(story: &Story) -> Option<&PaymentRow> {
    story.payment().filter(|payment| payment.status == "Canceling")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::story::BookingRow;

    const SINCE: i64 = 1_000_000_000;

    fn story(status: &str, payment: &str) -> Story {
        let booking = BookingRow { held_published: Some(0), ..BookingRow::of_nobody(status) };
        let payment = PaymentRow {
            booking_id: 7,
            id: 1,
            total_price: 700,
            status: payment.to_owned(),
            reference: None,
            created_at: Some(0),
            updated_at: Some(SINCE),
        };
        Story { booking: Some(booking), payments: vec![payment], ..Story::of(7) }
    }

    /// The unfinished steps of `story`, `seconds` after the beginning of the refund, with a settling time of
    /// a minute.
    fn kinds_after(story: &Story, seconds: i64) -> Vec<Kind> {
        let now = Timestamp::from_microsecond(SINCE + seconds * 1_000_000).unwrap();
        let clock = Clock { now, settle: Duration::from_secs(60) };
        let kinds = crate::violations_of(story, clock).into_iter().map(|violation| violation.kind);
        kinds.filter(|kind| [Kind::RefundUnfinished, Kind::CancelUnfinished].contains(kind)).collect()
    }

    #[test]
    fn refund_is_a_violation_only_after_ten_settling_times() {
        for status in ["Canceling", "Canceled", "Expired", "Declined"] {
            let story = story(status, "Canceling");
            for (seconds, kinds) in [(61, vec![]), (599, vec![]), (601, vec![Kind::RefundUnfinished])] {
                assert_eq!(kinds_after(&story, seconds), kinds, "{status}: {seconds}");
            }
        }
    }

    #[test]
    fn refund_under_way_has_its_start_and_state() {
        let detail = |story: &Story| under_way(story).map(|under_way| under_way.detail);
        let mut unconfirmed = story("Canceling", "Canceling");
        assert_eq!(
            detail(&unconfirmed).unwrap(),
            "refund under way since 1970-01-01T00:16:40Z: the payment of 700 is Canceling, and the booking is Canceling"
        );
        unconfirmed.payments[0].updated_at = None;
        assert!(detail(&unconfirmed).unwrap().starts_with("refund under way: "));
        assert_eq!(kinds_after(&unconfirmed, 1_000_000), [], "its age is unknown");
        for other in ["Paid", "Canceled", "Voided"] {
            assert_eq!(detail(&story("Canceling", other)), None, "{other}");
        }
    }

    #[test]
    fn cancel_that_does_not_wait_for_a_refund_is_unfinished() {
        assert_eq!(kinds_after(&story("Canceling", "Paid"), 61), [Kind::CancelUnfinished]);
    }
}
