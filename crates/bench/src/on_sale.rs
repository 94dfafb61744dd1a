//! Bookings per second in an on-sale: all seats of one hall, compared with as many places in one contested
//! row, and with uncontested bookings with and without an `Idempotency-Key`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::fleet::{Fleet, STAFF_TOKEN};
use crate::servers::Servers;
use crate::stats::{Runs, print_table};

/// Number of seats of a row, and maximum number of rows of a hall.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRST";
const ROWS_MAX: u64 = 100;
/// How far ahead the screening begins: long after the run.
const STARTS_IN: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of seats or places that are sold in a run: up to 20 rows of 100.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(20..=2_000))]
    seats: u64,

    /// Number of concurrent clients.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    clients: u64,

    /// Number of runs of each kind, in turn, after one warm-up run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,

    /// Use SQLite and the embedded log instead of PostgreSQL and Kafka.
    #[arg(long)]
    files: bool,
}

/// A kind of on-sale.
#[derive(Clone, Copy, Debug)]
enum Sale {
    /// Bookings without contention.
    Plain,
    /// Bookings without contention, each with its own key.
    Keyed,
    /// All seats of one hall.
    Seats,
    /// Places of one screening, all in one row of the table.
    Places,
}

impl Sale {
    const ALL: [Self; 4] = [Self::Plain, Self::Keyed, Self::Seats, Self::Places];

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "no contention",
            Self::Keyed => "the same, with Idempotency-Key",
            Self::Seats => "distinct seats of one hall",
            Self::Places => "places of one row",
        }
    }
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = if plan.files { None } else { Some(Servers::start()?) };
    let fleet = Fleet::up(servers.as_ref()).await?;
    let gateway = fleet.gateway().base().to_owned();
    let mut rates = Sale::ALL.map(|_| Runs::default());
    for run in 0..=plan.runs {
        for (sale, rates) in Sale::ALL.into_iter().zip(&mut rates) {
            let rate = sell(&gateway, plan, sale, run).await?;
            eprintln!("run {run} of {}: {} {rate:.0}/s", plan.runs, sale.name());
            if run > 0 {
                rates.add(rate);
            }
        }
    }
    fleet.stop().await?;
    let plain = rates[0].median();
    let rows: Vec<_> = Sale::ALL
        .into_iter()
        .zip(&rates)
        .map(|(sale, rates)| {
            vec![sale.name().to_owned(), rates.shown(0), format!("{:.2}", rates.median() / plain)]
        })
        .collect();
    println!(
        "{} runs of {} bookings from {} clients: median (min – max)",
        plan.runs, plan.seats, plan.clients
    );
    print_table(&["", "bookings/s", "of the first"], &rows);
    Ok(())
}

/// Sells everything, and returns the bookings per second.
async fn sell(gateway: &str, plan: &Plan, sale: Sale, run: u64) -> Outcome<f64> {
    let client = Client::builder().no_proxy().build()?;
    let screening = announce(&client, gateway, plan, sale, run).await?;
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..plan.clients {
        let (client, url, next, seats) =
            (client.clone(), format!("{gateway}/books"), next.clone(), plan.seats);
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= seats {
                    return Ok(());
                }
                let mut request = client.post(&url).json(&order(sale, screening, number));
                if matches!(sale, Sale::Keyed) {
                    request = request.header("idempotency-key", format!("on-sale-{run}-{number}"));
                }
                let answer = request.send().await?;
                if answer.status() != StatusCode::CREATED {
                    return Err(format!("{}: {}", answer.status(), answer.text().await?).into());
                }
            }
        });
    }
    for outcome in clients.join_all().await {
        let outcome: Outcome = outcome;
        outcome?;
    }
    Ok(plan.seats as f64 / began.elapsed().as_secs_f64())
}

fn order(sale: Sale, screening: Option<i64>, number: u64) -> Value {
    match sale {
        Sale::Plain | Sale::Keyed => json!({ "qty": 1, "totalPrice": 10_000 }),
        Sale::Places => json!({ "qty": 1, "screeningId": screening }),
        Sale::Seats => {
            let letter = LETTERS.as_bytes()[number as usize % LETTERS.len()] as char;
            let row = 1 + number / LETTERS.len() as u64;
            json!({ "seat": format!("{row}{letter}"), "screeningId": screening })
        }
    }
}

async fn announce(client: &Client, gateway: &str, plan: &Plan, sale: Sale, run: u64) -> Outcome<Option<i64>> {
    let mut screening = match sale {
        Sale::Plain | Sale::Keyed => return Ok(None),
        Sale::Places => json!({ "capacity": plan.seats, "price": 10_000 }),
        Sale::Seats => {
            let rows: Vec<_> = (1..=plan.seats.div_ceil(LETTERS.len() as u64).min(ROWS_MAX))
                .map(|row| json!({ "name": row, "seats": LETTERS }))
                .collect();
            json!({ "hall": { "rows": rows }, "prices": { "standard": 10_000 } })
        }
    };
    screening["movieName"] = "soul".into();
    screening["theatre"] = format!("{sale:?} {run}").into();
    screening["startsAt"] = (Timestamp::now() + STARTS_IN).to_string().into();
    let request = client.post(format!("{gateway}/screenings")).header("x-staff-token", STAFF_TOKEN);
    let answer: Value = request.json(&screening).send().await?.json().await?;
    let id = answer["id"].as_i64().ok_or_else(|| format!("not announced: {answer}"))?;
    Ok(Some(id))
}
