//! Bookings per second on SQLite and the embedded log, compared with PostgreSQL and Kafka.

use marquee::load::Plan as Load;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::servers::Servers;
use crate::stats::{Runs, millis, print_table};

#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Plan {
    #[command(flatten)]
    load: Load,

    /// Number of runs of each side, in turn, after one warm-up run.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

#[derive(Default)]
struct Side {
    answered: Runs,
    shown: Runs,
    p50: Runs,
    p99: Runs,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let fleets = [
        ("SQLite and embedded log", Fleet::up(None).await?),
        ("PostgreSQL and Kafka", Fleet::up(Some(&servers)).await?),
    ];
    let mut sides = [Side::default(), Side::default()];
    let Load { bookings, clients } = plan.load;
    for run in 0..=plan.runs {
        for ((name, fleet), side) in fleets.iter().zip(&mut sides) {
            let (answers, in_mypage) = fleet.book(&plan.load).await?;
            let rate = bookings as f64 / answers.took.as_secs_f64();
            eprintln!("run {run} of {}: {name} {rate:.0}/s", plan.runs);
            if run == 0 {
                continue;
            }
            side.answered.add(rate);
            side.shown.add(bookings as f64 / in_mypage.as_secs_f64());
            side.p50.add(millis(answers.quantile(0.5)));
            side.p99.add(millis(answers.quantile(0.99)));
        }
    }
    let mut rows = Vec::new();
    for ((name, fleet), side) in fleets.into_iter().zip(&sides) {
        fleet.stop().await?;
        let name = name.to_owned();
        let Side { answered, shown, p50, p99 } = side;
        rows.push(vec![name, answered.shown(0), shown.shown(0), p50.shown(1), p99.shown(1)]);
    }
    println!("{} runs of {bookings} bookings from {clients} clients: median (min – max)", plan.runs);
    print_table(&["", "answered/s", "in mypage/s", "p50, ms", "p99, ms"], &rows);
    Ok(())
}
