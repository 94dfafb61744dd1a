//! Reads the event log itself.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use event_log::Record;
use events::headers::{self, ID};
use events::{TOPIC, decode};
use marquee::load::verify::Booked;
use tokio::time::timeout;

use crate::fleet::Fleet;

/// Maximum wait for the next records.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asserts that each booking's events are in the log once, each after the event that caused it.
pub async fn assert_in_order(fleet: &Fleet, booked: &[Booked]) {
    const ORDER: [&str; 3] = ["Booked", "Created", "WaitedPoint"];
    let ids: Vec<i64> = booked.iter().map(|booking| booking.id).collect();
    for (id, events) in read_until(fleet, &ids, "WaitedPoint").await {
        let ordered: Vec<&str> = events.iter().copied().filter(|event| ORDER.contains(event)).collect();
        assert!(!ids.contains(&id) || ordered == ORDER, "booking {id}: {events:?}");
    }
}

/// Like [`assert_in_order`], for a canceled booking.
pub async fn assert_canceled_in_order(fleet: &Fleet, id: i64) {
    const ORDER: [&str; 5] = ["Booked", "CancelRequested", "TicketCanceled", "PaymentCanceled", "Canceled"];
    let mut events = read_until(fleet, &[id], "Canceled").await.remove(&id).unwrap();
    events.retain(|event| ORDER.contains(event));
    assert_eq!(events, ORDER, "booking {id}");
}

/// Reads the types of each booking's events until all of `bookings` have an event of the type `end`. An event
/// that was sent again, as after a crash, counts once, at its first position.
async fn read_until(fleet: &Fleet, bookings: &[i64], end: &str) -> HashMap<i64, Vec<&'static str>> {
    let mut subscription = fleet.transport().await.subscribe(TOPIC, "test").await.unwrap();
    let mut open: HashSet<i64> = bookings.iter().copied().collect();
    let mut seen = HashSet::new();
    let mut events = HashMap::<i64, Vec<&'static str>>::new();
    while !open.is_empty() {
        let batch = timeout(TIMEOUT, subscription.receive(500)).await;
        let batch = batch.unwrap_or_else(|_| panic!("{open:?} have no {end}")).unwrap();
        for Record { key, payload, headers } in batch.into_iter().map(|received| received.record) {
            if seen.insert(headers::find(&headers, ID).unwrap().to_owned()) {
                let id = key.unwrap().parse().unwrap();
                let event = decode(&payload.unwrap()).unwrap().event.unwrap().event_type();
                events.entry(id).or_default().push(event);
                if event == end {
                    open.remove(&id);
                }
            }
        }
    }
    events
}

pub async fn assert_no_dead_letters(fleet: &Fleet) {
    let letters = test_kit::fleet::dead_letters(&fleet.transport().await).await;
    assert!(letters.is_empty(), "dead letters: {letters:?}");
}
