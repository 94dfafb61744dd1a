//! A backlog of events, as after a night on which mypage was down.

use std::time::Instant;

use event_log::Record;
use events::{Event, TOPIC};
use messaging::Consumer;
use mypage::SERVICE;
use mypage::consumers::BookingStory;
use serde_json::json;
use storage::{Db, query_as};
use test_kit::fleet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, booked, created, paid, printed, story, waited_point, written_point};

const BOOKINGS: i64 = 5_000;
const EVENTS_EACH: i64 = 6;
/// The number of bookings whose events are interleaved.
const WINDOW: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn backlog_of_30_000_events_leads_to_the_right_rows() {
    let app = App::new().await;
    let ids: Vec<i64> = (1..=BOOKINGS).collect();
    for window in ids.chunks(WINDOW) {
        app.scratch.transport.publish(TOPIC, &backlog(window)).await.unwrap();
    }
    let transport = app.scratch.transport.clone();
    let consumer = Consumer::new(SERVICE, app.scratch.db.clone(), transport, BookingStory);
    let mut applied = consumer.applied();
    let stop = CancellationToken::new();
    let began = Instant::now();
    let running = tokio::spawn(consumer.run(stop.clone()));
    while count(&app.scratch.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM inbox").await < BOOKINGS * EVENTS_EACH
    {
        applied.changed().await.unwrap();
    }
    println!("{:.0} events/s", (BOOKINGS * EVENTS_EACH) as f64 / began.elapsed().as_secs_f64());
    stop.cancel();
    running.await.unwrap();

    let right = "SELECT CAST(COUNT(*) AS BIGINT) FROM mypages WHERE shown = 1 AND status = 'Printed'
                 AND score = 100 AND ticket_id = booking_id AND customer_id = 33 AND movie_name = 'soul'";
    assert_eq!(count(&app.scratch.db, right).await, BOOKINGS);
    assert_eq!(count(&app.scratch.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM mypages").await, BOOKINGS);
    let entries = count(&app.scratch.db, "SELECT CAST(COUNT(*) AS BIGINT) FROM timeline").await;
    assert_eq!(entries, BOOKINGS * EVENTS_EACH);
    let last = app.mypage(BOOKINGS).await;
    assert_eq!(last["status"], json!("Printed"));
    assert_eq!(story(&last), ["Paid", "Booked", "Created", "WaitedPoint", "WrittenPoint", "Printed"]);
    app.settled().await;
}

/// The events of the bookings `ids`: all `Paid` first, then all `Booked`, and so on.
fn backlog(ids: &[i64]) -> Vec<Record> {
    let kinds: [fn(i64) -> Event; EVENTS_EACH as usize] = [
        |id| paid(id).into(),
        |id| booked(id).into(),
        |id| created(id).into(),
        |id| waited_point(id).into(),
        |id| written_point(id).into(),
        |id| printed(id).into(),
    ];
    kinds.iter().flat_map(|event| ids.iter().map(|id| fleet::record(&event(*id)).record)).collect()
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let (count,): (i64,) = db.read().await.unwrap().fetch_one(query_as(sql)).await.unwrap();
    count
}
