//! Time from publishing an event until mypage shows it, compared with the bare round trip through the same
//! broker.
//!
//! One event is in flight at a time, on each side in turn. Both sides send the same record with the same
//! producer. The time is measured from before sending until the bare consumer receives the event, or until
//! `GET /mypages/{id}` of mypage shows it.

use std::time::{Duration, Instant};

use events::{Booked, BookingId, Event, PointId, WrittenPoint};
use marquee::fleet::Process;
use marquee::rest::Rest;
use rdkafka::consumer::StreamConsumer;
use rdkafka::message::Message;
use rdkafka::producer::FutureProducer;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::Outcome;
use crate::fleet::Fleet;
use crate::kafka;
use crate::servers::Servers;
use crate::stats::{Runs, millis, print_table, quantile};

/// The first id of the events, far above the fleet's own ids.
const FIRST_BOOKING: i64 = 1_000_000;
const BARE_TOPIC: &str = "bare";
const PATIENCE: Duration = Duration::from_secs(30);
/// Interval between two requests to mypage, which limits the precision.
const POLL_INTERVAL: Duration = Duration::from_micros(200);

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of events of each side in a run.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    events: u64,

    /// Number of runs, after one warm-up run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

#[derive(Default)]
struct Side {
    p50: Runs,
    p95: Runs,
    p99: Runs,
}

struct Bench {
    mypage: Rest,
    gateway: Rest,
    producer: FutureProducer,
    topic: String,
    bare: StreamConsumer,
    next: i64,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let fleet = Fleet::up(Some(&servers)).await?;
    kafka::create_topic(&servers.brokers, BARE_TOPIC).await?;
    let mut bench = Bench {
        mypage: fleet.service(Process::Mypage),
        gateway: fleet.gateway(),
        producer: kafka::producer(&servers.brokers)?,
        topic: fleet.topic(),
        bare: kafka::tail(&servers.brokers, BARE_TOPIC)?,
        next: FIRST_BOOKING,
    };
    let mut sides = [Side::default(), Side::default(), Side::default()];
    for run in 0..=plan.runs {
        let mut samples = [const { Vec::new() }; 3];
        for _ in 0..plan.events {
            for (samples, figure) in samples.iter_mut().zip(bench.once().await?) {
                samples.push(millis(figure));
            }
        }
        eprintln!("run {run} of {}", plan.runs);
        for (side, samples) in sides.iter_mut().zip(&mut samples).filter(|_| run > 0) {
            samples.sort_by(f64::total_cmp);
            side.p50.add(quantile(samples, 0.5));
            side.p95.add(quantile(samples, 0.95));
            side.p99.add(quantile(samples, 0.99));
        }
    }
    fleet.stop().await?;
    println!("{} runs of {} events each, one at a time: median (min – max)", plan.runs, plan.events);
    let bare = sides[0].p99.median();
    let names =
        ["bare: sent → received", "fleet: sent → in mypage", "fleet: booking answered 201 → in mypage"];
    let row = |(name, side): (&str, &Side)| {
        let share = format!("{:.2}", side.p99.median() / bare);
        vec![name.to_owned(), side.p50.shown(1), side.p95.shown(1), side.p99.shown(1), share]
    };
    let rows: Vec<_> = names.into_iter().zip(&sides).map(row).collect();
    print_table(&["ms", "p50", "p95", "p99", "p99 of bare"], &rows);
    Ok(())
}

impl Bench {
    /// Measures one event of each kind.
    async fn once(&mut self) -> Outcome<[Duration; 3]> {
        self.next += 1;
        let booking = BookingId::new(self.next)?;
        let booked = Booked {
            id: booking,
            qty: Some(2),
            seat: None,
            movie_name: Some("soul".to_owned()),
            status: Some("Registered".to_owned()),
            total_price: Some(10_000),
            name: Some("CGV".to_owned()),
            customer_id: None,
            screening: events::Screening::default(),
        };
        // Only mypage consumes this event, and shows it after the booking and its ticket.
        let written: Event = WrittenPoint {
            id: PointId::new(self.next)?,
            booking_id: booking,
            customer_id: None,
            score: Some(100),
            contents: Some("soul".to_owned()),
            status: Some("Pointed".to_owned()),
        }
        .into();
        kafka::send(&self.producer, &self.topic, &booked.into()).await?;
        self.shows(self.next, |row| row["ticketId"].is_i64() && row["score"] == 0).await?;

        let bare = self.round_trip(&written).await?;
        let began = Instant::now();
        kafka::send(&self.producer, &self.topic, &written).await?;
        self.shows(self.next, |row| row["score"] == 100).await?;
        let in_mypage = began.elapsed();
        Ok([bare, in_mypage, self.book().await?])
    }

    async fn round_trip(&self, event: &Event) -> Outcome<Duration> {
        let began = Instant::now();
        let send = kafka::send(&self.producer, BARE_TOPIC, event);
        let receive = async {
            let record = timeout(PATIENCE, self.bare.recv()).await??;
            record.payload().ok_or("a record without a payload")?;
            Ok(began.elapsed())
        };
        let ((), received) = tokio::try_join!(send, receive)?;
        Ok(received)
    }

    async fn book(&self) -> Outcome<Duration> {
        let order = json!({ "movieName": "soul", "qty": 2, "totalPrice": 10_000 });
        let answer = self.gateway.send(Method::POST, "/books", Some(&order)).await?;
        let id = answer.body["id"].as_i64().filter(|_| answer.status == 201).ok_or("not answered 201")?;
        let began = Instant::now();
        self.shows(id, |_| true).await?;
        let shown = began.elapsed();
        // Waits for all further work of this booking, so that it does not affect the next measurement.
        self.shows(id, |row| row["ticketId"].is_i64() && row["score"] == 0).await?;
        Ok(shown)
    }

    /// Waits until `is_so` holds for mypage's row of a booking.
    async fn shows(&self, id: i64, is_so: impl Fn(&Value) -> bool) -> Outcome {
        let path = format!("/mypages/{id}");
        let polling = async {
            loop {
                let answer = self.mypage.get(&path).await?;
                if answer.status == 200 && is_so(&answer.body) {
                    return Ok(());
                }
                sleep(POLL_INTERVAL).await;
            }
        };
        timeout(PATIENCE, polling)
            .await
            .map_err(|_elapsed| format!("{path} has not reached the expected state"))?
    }
}
