//! The events of one booking are published in the order of its states: each change locks the booking's row first, so it appends
//! its event after the change before it has committed.

use std::collections::BTreeMap;

use book::app::{confirm_payment, request_cancel};
use events::BookingId;
use storage::query_as;

use crate::app::{App, paid};

/// Enough that both sides come first for some bookings.
const BOOKINGS: i64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_booking_follow_its_states_when_it_is_paid_and_canceled_at_once() {
    let app = App::new().await;
    for _ in 0..BOOKINGS {
        app.open_and_crash().await;
    }
    let mut changes = tokio::task::JoinSet::new();
    for id in 1..=BOOKINGS {
        let (db, event) = (app.scratch.db.clone(), paid(id, 10_000));
        changes.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            confirm_payment(&mut tx, &event).await.unwrap();
            tx.commit().await.unwrap();
        });
        let (db, id) = (app.scratch.db.clone(), BookingId::new(id).unwrap());
        changes.spawn(async move {
            let mut tx = db.begin().await.unwrap();
            request_cancel(&mut tx, id).await.unwrap();
            tx.commit().await.unwrap();
        });
    }
    changes.join_all().await;

    let mut conn = app.scratch.db.read().await.unwrap();
    let statement = query_as("SELECT CAST(aggregateid AS BIGINT), type FROM outbox ORDER BY seq");
    let rows: Vec<(i64, String)> = conn.fetch_all(statement).await.unwrap();
    drop(conn);
    let mut events: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (id, event) in rows {
        events.entry(id).or_default().push(event);
    }
    for id in 1..=BOOKINGS {
        let expected: &[&str] = match app.status(id).await.as_str() {
            // Paid first: the ticket service decides about the cancellation.
            "Canceling" => &["Booked", "CancelRequested"],
            // Canceled first: what is paid later is refunded.
            _ => &["HoldExpired"],
        };
        assert_eq!(events[&id], expected, "booking {id}");
    }
    app.settled().await;
}
