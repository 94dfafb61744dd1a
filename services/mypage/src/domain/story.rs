//! A booking with its timeline.

use jiff::Timestamp;

use super::{Ending, Mypage};

/// The event that ends a hold, for whatever reason.
const HOLD_ENDED: &str = "HoldExpired";

/// The events that a timeline shows, in the order in which they usually happen.
const TIMELINE_EVENTS: [&str; 10] = [
    "Held",
    "Paid",
    "Booked",
    "Created",
    "WaitedPoint",
    "WrittenPoint",
    "Printed",
    "HoldExpired",
    "PaymentCanceled",
    "Canceled",
];

/// The usual position of an event of this type in a timeline; `None` if no timeline shows it.
pub fn timeline_position(event_type: &str) -> Option<usize> {
    TIMELINE_EVENTS.iter().position(|shown| *shown == event_type)
}

/// One event in a timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event's type.
    pub event: String,
    pub at: Timestamp,
}

/// A booking with its timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub mypage: Mypage,
    /// Sorted by time, and events of the same time in their usual order: some writers give the time only to
    /// the second.
    pub timeline: Vec<Entry>,
}

impl Story {
    pub fn new(mypage: Mypage, mut timeline: Vec<Entry>) -> Self {
        timeline.sort_by_key(|entry| (entry.at, timeline_position(&entry.event)));
        if let Some(ending @ (Ending::Canceled | Ending::Declined)) = mypage.ending {
            // `HoldExpired` is published for every end of a hold, but a canceled or declined booking did not
            // expire.
            for entry in timeline.iter_mut().filter(|entry| entry.event == HOLD_ENDED) {
                entry.event = ending.to_string();
            }
        }
        Self { mypage, timeline }
    }
}

#[cfg(test)]
mod tests {
    use events::{BookingId, Event};

    use super::*;

    #[test]
    fn timelines_show_only_known_events() {
        for shown in TIMELINE_EVENTS {
            assert!(Event::TYPES.contains(&shown), "{shown}");
        }
    }

    #[test]
    fn timeline_is_sorted_by_time_and_then_by_the_usual_order() {
        let entry = |event: &str, second| Entry {
            event: event.to_owned(),
            at: Timestamp::from_second(second).unwrap(),
        };
        let mypage = Mypage::unknown(BookingId::new(1).unwrap(), Timestamp::UNIX_EPOCH);
        let entries = vec![entry("Created", 2), entry("Booked", 2), entry("Canceled", 9), entry("Paid", 1)];
        let sorted: Vec<String> =
            Story::new(mypage, entries).timeline.into_iter().map(|entry| entry.event).collect();
        assert_eq!(sorted, ["Paid", "Booked", "Created", "Canceled"]);
    }
}
