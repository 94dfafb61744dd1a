//! `--rebuild` produces the same rows, however wrong the old ones are, whatever happens in the meantime, and
//! however often it is interrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_log::{Record, Transport};
use events::{Created, Event, TOPIC, TicketId};
use messaging::Consumer;
use mypage::consumers::BookingStory;
use mypage::rebuild::{self, RebuildError, Rebuilt};
use mypage::{MIGRATIONS, SERVICE};
use storage::{Db, query, query_as};
use test_kit::{Scratch, fleet};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{
    App, at, booked, booked_by, canceled, created, held, hold_expired, paid, payment_canceled, printed,
    record_at, story, waited_point, written_point,
};
use crate::gate::Gated;

/// The limit of every wait, far longer than anything takes on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(60);

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < TIMEOUT, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The rows of a view, to compare.
#[derive(Debug, PartialEq, Eq)]
struct Rows {
    mypages: Vec<MypageRow>,
    timeline: Vec<(i64, String, i64)>,
}

#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct MypageRow {
    booking_id: i64,
    booked: i64,
    held: i64,
    held_until: Option<i64>,
    given_up: i64,
    ending: Option<String>,
    refunded: i64,
    shown: i64,
    customer_id: Option<i64>,
    movie_name: Option<String>,
    seat: Option<String>,
    qty: Option<i64>,
    price: Option<i64>,
    screening_id: Option<i64>,
    theatre: Option<String>,
    hall: Option<String>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    status: String,
    score: Option<i64>,
    ticket_id: Option<i64>,
    updated_at: i64,
}

impl Rows {
    async fn of(db: &Db) -> Self {
        let mut conn = db.read().await.unwrap();
        let mypages = query_as("SELECT * FROM mypages ORDER BY booking_id");
        let timeline =
            query_as("SELECT booking_id, event, happened_at FROM timeline ORDER BY booking_id, event");
        Self {
            mypages: conn.fetch_all(mypages).await.unwrap(),
            timeline: conn.fetch_all(timeline).await.unwrap(),
        }
    }
}

async fn count(db: &Db, table: &'static str) -> i64 {
    let sql = match table {
        "inbox" => "SELECT CAST(COUNT(*) AS BIGINT) FROM inbox",
        "mypages_shadow" => "SELECT CAST(COUNT(*) AS BIGINT) FROM mypages_shadow",
        "timeline_shadow" => "SELECT CAST(COUNT(*) AS BIGINT) FROM timeline_shadow",
        "rebuilds" => "SELECT CAST(COUNT(*) AS BIGINT) FROM rebuilds",
        other => panic!("{other}"),
    };
    let (count,): (i64,) = db.read().await.unwrap().fetch_one(query_as(sql)).await.unwrap();
    count
}

async fn write(db: &Db, statements: &[&'static str]) {
    let mut tx = db.begin().await.unwrap();
    for statement in statements {
        tx.execute(query(statement)).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Corrupts the view: changes rows, deletes some, and adds one that no event created.
async fn corrupt(db: &Db) {
    write(
        db,
        &[
            "UPDATE mypages SET status = 'Canceled', score = 7, movie_name = 'wrong', updated_at = 1 WHERE booking_id < 4",
            "DELETE FROM mypages WHERE booking_id = 5",
            "INSERT INTO mypages (booking_id, booked, shown, status, updated_at) VALUES (999, 1, 1, 'Booked', 1)",
            "INSERT INTO timeline (booking_id, event, happened_at) VALUES (999, 'Booked', 1)",
            "UPDATE timeline SET happened_at = 1 WHERE booking_id = 2",
            "DELETE FROM timeline WHERE booking_id = 3 AND event <> 'Booked'",
        ],
    )
    .await;
}

/// A running consumer of mypage.
struct Running {
    stop: CancellationToken,
    consumer: JoinHandle<()>,
}

impl Running {
    fn start(db: &Db, transport: &Arc<dyn Transport>) -> Self {
        let stop = CancellationToken::new();
        let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), BookingStory);
        let consumer = tokio::spawn(consumer.run(stop.clone()));
        Self { stop, consumer }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.consumer.await.unwrap();
    }
}

fn records(events: impl IntoIterator<Item = Event>) -> Vec<Record> {
    let record = |(second, event)| record_at(second % 60, event).record;
    events.into_iter().enumerate().map(record).collect()
}

/// The six events of each collected booking.
fn stories(ids: std::ops::RangeInclusive<i64>) -> Vec<Record> {
    records(ids.flat_map(|id| -> [Event; 6] {
        [
            paid(id).into(),
            booked(id).into(),
            created(id).into(),
            waited_point(id).into(),
            written_point(id).into(),
            printed(id).into(),
        ]
    }))
}

/// A view of ten bookings, built from events.
async fn ten_bookings() -> (App, Rows) {
    let app = App::new().await;
    app.scratch.transport.publish(TOPIC, &stories(1..=10)).await.unwrap();
    let running = Running::start(&app.scratch.db, &app.scratch.transport);
    until("60 events", async || count(&app.scratch.db, "inbox").await == 60).await;
    running.stop().await;
    let rows = Rows::of(&app.scratch.db).await;
    (app, rows)
}

/// Runs a rebuild as soon as the previous one's lock is free. PostgreSQL frees it when it notices the closed
/// connection.
async fn rebuild(db: &Db, transport: &dyn Transport) -> Result<Rebuilt, RebuildError> {
    let began = Instant::now();
    loop {
        match rebuild::run(db, transport, &CancellationToken::new()).await {
            Err(RebuildError::UnderWay) if began.elapsed() < TIMEOUT => tokio::task::yield_now().await,
            outcome => return outcome,
        }
    }
}

/// Starts a rebuild in the background, like another process; it pauses at the gate.
fn begin_rebuild(app: &App, log: &Gated) -> JoinHandle<Result<Rebuilt, RebuildError>> {
    let (db, log) = (app.scratch.db.clone(), log.clone());
    tokio::spawn(async move { rebuild(&db, &log).await })
}

async fn assert_cleaned_up(db: &Db) {
    for table in ["mypages_shadow", "timeline_shadow", "rebuilds"] {
        assert_eq!(count(db, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn rebuild_replaces_wrong_rows() {
    let app = App::new().await;
    let db = &app.scratch.db;
    let mut log = stories(1..=5);
    let again = log[3].clone();
    let mut tombstone = log[0].clone();
    tombstone.payload = None;
    let mut garbage = record_at(1, booked(30)).record;
    garbage.payload = Some(b"not json".to_vec());
    let bare =
        |payload: &str| Record { key: None, payload: Some(payload.as_bytes().to_vec()), headers: Vec::new() };
    let mut poison = booked(31);
    poison.movie_name = Some("so\0ul".to_owned());
    let another_ticket = Created { id: TicketId::new(77).unwrap(), ..created(2) };
    log.extend([again, tombstone, garbage]);
    log.extend(records([
        printed(6).into(),
        booked(6).into(),
        another_ticket.into(),
        booked_by(2, 44).into(),
        payment_canceled(7).into(),
        canceled(7).into(),
        booked(7).into(),
        paid(8).into(),
        held(12).into(),
        held(13).into(),
        hold_expired(13).into(),
        hold_expired(14).into(),
        poison.into(),
    ]));
    log.extend([
        bare(r#"{"eventType":"Shipped","orderId":1}"#),
        bare(r#"{"eventType":"Booked","id":9,"qty":2,"movieName":"soul","timestamp":"20210223133228","me":true}"#),
        bare(r#"{"eventType":"Booked","id":10,"qty":2,"movieName":"soul"}"#),
    ]);
    app.scratch.transport.publish(TOPIC, &log).await.unwrap();
    let running = Running::start(db, &app.scratch.transport);
    until("the events", async || count(db, "inbox").await == 44).await;
    running.stop().await;
    let right = Rows::of(db).await;
    corrupt(db).await;
    assert_ne!(Rows::of(db).await, right);

    let rebuilt = rebuild(db, app.scratch.transport.as_ref()).await.unwrap();
    assert_eq!(rebuilt, Rebuilt { records: log.len() as u64, unreadable: 2 });
    assert_eq!(Rows::of(db).await, right);
    assert_cleaned_up(db).await;
    assert_eq!(app.mypage(2).await["ticketId"], 77);

    // The second rebuild swaps the two pairs of tables back.
    corrupt(db).await;
    rebuild(db, app.scratch.transport.as_ref()).await.unwrap();
    assert_eq!(Rows::of(db).await, right);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_see_the_old_view_then_the_new_one_with_new_events_in_both() {
    let (app, _) = ten_bookings().await;
    let db = &app.scratch.db;
    corrupt(db).await;
    let running = Running::start(db, &app.scratch.transport);
    // Reads often enough that every connection has cached the statements.
    let reading = {
        let (client, stop) = (app.client.clone(), CancellationToken::new());
        let reading = tokio::spawn({
            let stop = stop.clone();
            async move {
                let mut rounds = 0;
                while !stop.is_cancelled() || rounds < 100 {
                    for path in ["/mypages", "/mypages?customerId=33"] {
                        let page = client.get(path).await;
                        assert_eq!(page.status, 200, "{}", page.body);
                        let total = page.body["page"]["totalElements"].as_i64().unwrap();
                        assert!(total >= 9, "{total} bookings in {path}");
                    }
                    assert_eq!(client.get("/mypages/1").await.status, 200);
                    rounds += 1;
                }
            }
        });
        (reading, stop)
    };
    let log = Gated::new(&app.scratch.transport);
    let rebuilding = begin_rebuild(&app, &log);
    log.reached().await;
    assert_eq!(app.mypage(1).await["movieName"], "wrong");
    // Events of new bookings, and one more of an old booking whose other events the rebuild has not read yet.
    let news = [stories(11..=12), records([canceled(4).into()])].concat();
    app.scratch.transport.publish(TOPIC, &news).await.unwrap();
    until("the new events", async || count(db, "inbox").await == 73).await;
    assert_eq!(app.mypage(11).await["status"], "Printed");
    log.open();
    rebuilding.await.unwrap().unwrap();
    assert_eq!(app.mypage(1).await["movieName"], "soul");
    assert!(story(&app.mypage(4).await).contains(&"Canceled"));
    app.scratch.transport.publish(TOPIC, &stories(13..=13)).await.unwrap();
    until("the last events", async || count(db, "inbox").await == 79).await;
    reading.1.cancel();
    reading.0.await.unwrap();
    running.stop().await;

    // The rows must be those of a view that was built at once.
    let expected = Scratch::new(SERVICE, &MIGRATIONS).await;
    rebuild(&expected.db, app.scratch.transport.as_ref()).await.unwrap();
    assert_eq!(Rows::of(db).await, Rows::of(&expected.db).await);
    assert_eq!(app.mypage(13).await["status"], "Printed");
    assert_cleaned_up(db).await;
    app.settled().await;
}

#[tokio::test]
async fn second_concurrent_rebuild_is_refused() {
    let (app, right) = ten_bookings().await;
    let log = Gated::new(&app.scratch.transport);
    let rebuilding = begin_rebuild(&app, &log);
    log.reached().await;
    let (other, _) = app.scratch.backends.open(&MIGRATIONS).await.unwrap();
    let refused = rebuild::run(&other, app.scratch.transport.as_ref(), &CancellationToken::new()).await;
    assert_eq!(refused.unwrap_err().to_string(), "another rebuild is already running on this database");
    log.open();
    rebuilding.await.unwrap().unwrap();
    assert_eq!(Rows::of(&app.scratch.db).await, right);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_rebuild_leaves_the_old_view_and_the_next_one_starts_over() {
    let (app, right) = ten_bookings().await;
    let db = &app.scratch.db;
    let log = Gated::new(&app.scratch.transport);
    let rebuilding = begin_rebuild(&app, &log);
    log.reached().await;
    // The aborted task cleans nothing up.
    rebuilding.abort();
    assert!(rebuilding.await.unwrap_err().is_cancelled());
    assert_eq!(count(db, "rebuilds").await, 1);
    assert_eq!(Rows::of(db).await, right);
    // The shadow that it leaves is wrong.
    write(db, &["UPDATE mypages_shadow SET movie_name = 'wrong', score = 1000"]).await;

    let running = Running::start(db, &app.scratch.transport);
    app.scratch.transport.publish(TOPIC, &stories(11..=11)).await.unwrap();
    until("new events", async || count(db, "inbox").await == 66).await;
    let right = Rows::of(db).await;
    rebuild(db, app.scratch.transport.as_ref()).await.unwrap();
    running.stop().await;
    assert_eq!(Rows::of(db).await, right);
    assert_cleaned_up(db).await;
    app.settled().await;
}

#[tokio::test]
async fn stopped_rebuild_leaves_the_old_view_and_cleans_up() {
    let (app, right) = ten_bookings().await;
    let log = Gated::new(&app.scratch.transport);
    let stop = CancellationToken::new();
    let rebuilding = tokio::spawn({
        let (db, log, stop) = (app.scratch.db.clone(), log.clone(), stop.clone());
        async move { rebuild::run(&db, &log, &stop).await }
    });
    log.reached().await;
    assert!(count(&app.scratch.db, "mypages_shadow").await > 0);
    stop.cancel();
    assert!(matches!(rebuilding.await.unwrap(), Err(RebuildError::Stopped)));
    assert_eq!(Rows::of(&app.scratch.db).await, right);
    assert_cleaned_up(&app.scratch.db).await;
    app.settled().await;
}

/// A rebuild loses its lock if the database server restarts; then another one may begin.
#[tokio::test]
async fn superseded_rebuild_does_not_touch_the_shadow() {
    let (app, right) = ten_bookings().await;
    let db = &app.scratch.db;
    let log = Gated::new(&app.scratch.transport);
    let rebuilding = begin_rebuild(&app, &log);
    log.reached().await;
    write(db, &["DELETE FROM rebuilds", "INSERT INTO rebuilds (started_at, stage) VALUES (1, 'Telling')"])
        .await;
    log.open();
    assert!(matches!(rebuilding.await.unwrap(), Err(RebuildError::Superseded)));
    assert_eq!(Rows::of(db).await, right);
    assert_eq!(count(db, "mypages_shadow").await, 10);
    assert_eq!(count(db, "rebuilds").await, 1);
}

#[tokio::test]
async fn empty_database_gets_all_rows_and_its_consumer_continues() {
    let (app, right) = ten_bookings().await;
    let fresh = Scratch::new(SERVICE, &MIGRATIONS).await;
    rebuild(&fresh.db, app.scratch.transport.as_ref()).await.unwrap();
    assert_eq!(Rows::of(&fresh.db).await, right);
    let running = Running::start(&fresh.db, &app.scratch.transport);
    app.scratch.transport.publish(TOPIC, &stories(11..=11)).await.unwrap();
    until("the new events", async || Rows::of(&fresh.db).await.timeline.len() == 66).await;
    running.stop().await;
    app.settled().await;
}

#[tokio::test]
async fn log_that_was_created_again_replaces_no_view() {
    let (app, right) = ten_bookings().await;
    let (db, transport) = (&app.scratch.db, app.scratch.transport.as_ref());
    let noticed = query(
        "INSERT INTO log_incarnations (log, incarnation, since, resend_after, resend_through)
         VALUES ($1, 2, 0, 0, 0)
         ON CONFLICT (log) DO UPDATE SET incarnation = 2",
    );
    let mut tx = db.begin().await.unwrap();
    tx.execute(noticed.bind(transport.name().unwrap().to_owned())).await.unwrap();
    tx.commit().await.unwrap();
    let refused = rebuild(db, transport).await.unwrap_err();
    assert!(matches!(refused, RebuildError::EventsAreLost), "{refused}");
    assert_eq!(Rows::of(db).await, right);
    assert_cleaned_up(db).await;
    app.settled().await;
}

#[tokio::test]
async fn log_that_is_empty_or_has_lost_its_beginning_replaces_no_view() {
    let (app, right) = ten_bookings().await;
    let other = Scratch::new(SERVICE, &MIGRATIONS).await;
    let refused = rebuild(&app.scratch.db, other.transport.as_ref()).await.unwrap_err();
    assert!(matches!(refused, RebuildError::NoEvents), "{refused}");
    let truncated = Gated::truncated(&app.scratch.transport);
    let refused = rebuild(&app.scratch.db, &truncated).await.unwrap_err();
    assert!(matches!(refused, RebuildError::EventsAreLost), "{refused}");
    assert_eq!(Rows::of(&app.scratch.db).await, right);
    assert_cleaned_up(&app.scratch.db).await;
    // An empty view is rebuilt from the rest of the log.
    rebuild(&other.db, &truncated).await.unwrap();
    assert_eq!(Rows::of(&other.db).await, right);
    app.settled().await;
}

#[tokio::test]
async fn times_that_only_the_log_records_stay_the_same() {
    let app = App::new().await;
    let timeless = Record {
        key: Some("1".to_owned()),
        payload: Some(br#"{"eventType":"Booked","id":1}"#.to_vec()),
        headers: Vec::new(),
    };
    app.scratch.transport.publish(TOPIC, &[timeless, fleet::record(&paid(1).into()).record]).await.unwrap();
    let running = Running::start(&app.scratch.db, &app.scratch.transport);
    until("the events", async || count(&app.scratch.db, "inbox").await == 2).await;
    running.stop().await;
    let right = Rows::of(&app.scratch.db).await;
    assert_ne!(app.mypage(1).await["updatedAt"], at(28));
    rebuild(&app.scratch.db, app.scratch.transport.as_ref()).await.unwrap();
    assert_eq!(Rows::of(&app.scratch.db).await, right);
    app.settled().await;
}
