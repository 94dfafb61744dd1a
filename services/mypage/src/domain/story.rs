//! How a booking came to be what it is.

use jiff::Timestamp;

use super::{Ending, Mypage};

/// The event that ends a hold, however that came about.
const HOLD_ENDED: &str = "HoldExpired";

/// The events that tell a customer something, in the order they usually happen.
const CHAPTERS: [&str; 10] = [
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

/// Where an event of this type stands in a story; `None` when it tells a customer nothing.
pub fn chapter(event_type: &str) -> Option<usize> {
    CHAPTERS.iter().position(|chapter| *chapter == event_type)
}

/// One event of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub event: String,
    pub at: Timestamp,
}

/// A booking and how it came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    pub mypage: Mypage,
    /// By time, and within one time in the usual order: some writers tell the time by the second only.
    pub timeline: Vec<Entry>,
}

impl Story {
    pub fn new(mypage: Mypage, mut timeline: Vec<Entry>) -> Self {
        timeline.sort_by_key(|entry| (entry.at, chapter(&entry.event)));
        if let Some(ending @ (Ending::Canceled | Ending::Declined)) = mypage.ending {
            // The event is the same for every end of a hold. A customer who canceled one did not let it run out.
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
    fn every_chapter_is_an_event() {
        for chapter in CHAPTERS {
            assert!(Event::TYPES.contains(&chapter), "{chapter}");
        }
    }

    #[test]
    fn a_story_reads_by_time_and_then_as_things_usually_go() {
        let entry = |event: &str, second| Entry {
            event: event.to_owned(),
            at: Timestamp::from_second(second).unwrap(),
        };
        let mypage = Mypage::unknown(BookingId::new(1).unwrap(), Timestamp::UNIX_EPOCH);
        let told = vec![entry("Created", 2), entry("Booked", 2), entry("Canceled", 9), entry("Paid", 1)];
        let read: Vec<String> =
            Story::new(mypage, told).timeline.into_iter().map(|entry| entry.event).collect();
        assert_eq!(read, ["Paid", "Booked", "Created", "Canceled"]);
    }
}
