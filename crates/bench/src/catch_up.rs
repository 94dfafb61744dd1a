//! Events per second that mypage applies from a backlog, compared with a bare consumer that commits each
//! batch.

use std::path::Path;
use std::time::{Duration, Instant};

use events::{Booked, BookingId, Created, Event, Paid, PaymentId, PointId, TicketId, WaitedPoint};
use futures_util::{FutureExt, StreamExt};
use marquee::fleet::Process;
use marquee::metrics_text::metric;
use rdkafka::consumer::{CommitMode, Consumer};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::Outcome;
use crate::fleet::{Fleet, memory};
use crate::kafka;
use crate::servers::Servers;
use crate::stats::{Runs, print_table};

/// Number of events of a booking.
const CHAPTERS: u64 = 4;
/// Maximum batch of the fleet's consumers.
const BATCH: usize = 200;
const PATIENCE: Duration = Duration::from_secs(600);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of events in the backlog.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(4..=10_000_000))]
    events: u64,

    /// Number of runs of each side, in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

#[derive(Default)]
struct Side {
    rate: Runs,
    before: Runs,
    peak: Runs,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let producer = kafka::producer(&servers.brokers)?;
    let backlog = backlog(plan.events)?;
    let (mut bare, mut mypage) = (Side::default(), Side::default());
    for run in 1..=plan.runs {
        let topic = format!("backlog-{run}");
        kafka::create_topic(&servers.brokers, &topic).await?;
        kafka::send_all(&producer, &topic, &backlog).await?;
        let rate = read_bare(&servers, &topic, backlog.len(), &mut bare).await?;
        let caught_up = catch_up(&servers, &topic, backlog.len(), &mut mypage).await?;
        eprintln!("run {run} of {}: bare {rate:.0}/s, mypage {caught_up:.0}/s", plan.runs);
    }
    println!("{} runs with a backlog of {} events: median (min – max)", plan.runs, backlog.len());
    let row = |name: &str, side: &Side| {
        vec![name.to_owned(), side.rate.shown(0), side.before.shown(1), side.peak.shown(1)]
    };
    print_table(
        &["", "events/s", "memory before, MiB", "at its peak, MiB"],
        &[row("bare consumer, a commit a batch", &bare), row("mypage on PostgreSQL", &mypage)],
    );
    Ok(())
}

/// Returns the events of bookings that mypage applies, in order.
fn backlog(events: u64) -> Outcome<Vec<Event>> {
    let text = |text: &str| Some(text.to_owned());
    let mut backlog = Vec::new();
    for number in 1..=i64::try_from(events / CHAPTERS)? {
        let booking = BookingId::new(number)?;
        let ticket = TicketId::from(booking);
        backlog.extend::<[Event; CHAPTERS as usize]>([
            Paid {
                id: PaymentId::new(number)?,
                booking_id: booking,
                status: text("Paid"),
                total_price: Some(10_000),
            }
            .into(),
            Booked {
                id: booking,
                qty: Some(2),
                seat: None,
                movie_name: text("soul"),
                status: text("Registered"),
                total_price: Some(10_000),
                name: text("CGV"),
                customer_id: None,
                screening: events::Screening::default(),
            }
            .into(),
            Created {
                id: ticket,
                booking_id: booking,
                status: text("Waiting"),
                movie_name: text("soul"),
                qty: Some(2),
                seat: None,
                customer_id: None,
                screening: events::Screening::default(),
            }
            .into(),
            WaitedPoint {
                id: PointId::new(number)?,
                booking_id: booking,
                score: Some(0),
                contents: text("soul"),
                status: text("Waiting Point"),
            }
            .into(),
        ]);
    }
    Ok(backlog)
}

/// Measures the rate from the first applied event to the last one.
async fn catch_up(servers: &Servers, topic: &str, events: usize, side: &mut Side) -> Outcome<f64> {
    let database = topic.replace('-', "_");
    let fleet = Fleet::mypage(servers, &database, servers.events_url(topic)).await?;
    let before = fleet.memory(Process::Mypage, "VmRSS")?;
    let rest = fleet.service(Process::Mypage);
    let applied_of = async || {
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(metric(&rest, "events_applied_total").await?)
    };
    let rate = timeout(PATIENCE, async {
        let mut first = applied_of().await?;
        let mut began = Instant::now();
        loop {
            let applied = applied_of().await?;
            if first == 0.0 {
                (first, began) = (applied, Instant::now());
            }
            if applied >= events as f64 {
                return Outcome::Ok((applied - first) / began.elapsed().as_secs_f64());
            }
            sleep(POLL_INTERVAL).await;
        }
    });
    let rate = rate.await.map_err(|_elapsed| "mypage has not caught up in time")??;
    side.add(rate, before, fleet.memory(Process::Mypage, "VmHWM")?);
    fleet.stop().await?;
    Ok(rate)
}

async fn read_bare(servers: &Servers, topic: &str, events: usize, side: &mut Side) -> Outcome<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-consumer", &servers.brokers, topic, &events.to_string()]).kill_on_drop(true);
    let output = command.output().await?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let printed = String::from_utf8(output.stdout)?;
    let figures: Vec<f64> = printed.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [rate, before, peak] = figures[..] else {
        return Err(format!("not three figures: {printed}").into());
    };
    side.add(rate, before as u64, peak as u64);
    Ok(rate)
}

impl Side {
    fn add(&mut self, rate: f64, before_kib: u64, peak_kib: u64) {
        self.rate.add(rate);
        self.before.add(before_kib as f64 / 1024.0);
        self.peak.add(peak_kib as f64 / 1024.0);
    }
}

#[derive(clap::Args, Debug)]
pub struct BareConsumer {
    brokers: String,
    topic: String,
    events: usize,
}

impl BareConsumer {
    /// Reads the topic to its end in batches, and commits each before the next. Prints the rate and its
    /// memory.
    pub async fn run(self) -> Outcome {
        let myself = Path::new("/proc/self");
        let before = memory(myself, "VmRSS")?;
        let consumer = kafka::member(&self.brokers, &self.topic)?;
        let mut stream = consumer.stream();
        let (mut began, mut first, mut count) = (None, 0, 0);
        while count < self.events {
            timeout(PATIENCE, stream.next()).await?.ok_or("the end of the stream")??;
            let mut batch = 1;
            while batch < BATCH
                && let Some(Some(record)) = stream.next().now_or_never()
            {
                record?;
                batch += 1;
            }
            count += batch;
            consumer.commit_consumer_state(CommitMode::Sync)?;
            if began.is_none() {
                (began, first) = (Some(Instant::now()), count);
            }
        }
        let took = began.ok_or("nothing to read")?.elapsed();
        let rate = (count - first) as f64 / took.as_secs_f64();
        println!("{rate} {before} {}", memory(myself, "VmHWM")?);
        Ok(())
    }
}
