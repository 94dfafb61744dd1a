//! Bookings a second on PostgreSQL and Kafka, beside pgbench with the same three commits on the same server.

use marquee::load::Plan as Load;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::pgbench::Pgbench;
use crate::servers::Servers;
use crate::stats::{Runs, millis, print_table};

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    load: Load,

    /// Runs of each side, in turn; one more before them to get warm.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let pgbench = Pgbench::prepare(&servers)?;
    let fleet = Fleet::up(Some(&servers)).await?;
    let Load { bookings, clients } = plan.load;
    let (mut answered, mut shown, mut latency) = (Runs::default(), Runs::default(), Runs::default());
    let (mut bare, mut bare_latency) = (Runs::default(), Runs::default());
    for run in 0..=plan.runs {
        let (answers, in_mypage) = fleet.book(&plan.load).await?;
        let alone = pgbench.run(bookings, clients)?;
        let rate = bookings as f64 / answers.took.as_secs_f64();
        eprintln!("run {run} of {}: fleet {rate:.0}/s, pgbench {:.0}/s", plan.runs, alone.rate);
        if run == 0 {
            continue;
        }
        answered.add(rate);
        shown.add(bookings as f64 / in_mypage.as_secs_f64());
        let total: f64 = answers.latencies.iter().copied().map(millis).sum();
        latency.add(total / answers.latencies.len() as f64);
        bare.add(alone.rate);
        bare_latency.add(alone.mean_latency_ms);
    }
    fleet.stop().await?;
    let row = |name: &str, rate: &Runs, latency: String| {
        let share = format!("{:.2}", rate.median() / bare.median());
        vec![name.to_owned(), rate.shown(0), share, latency]
    };
    println!("{} runs of {bookings} bookings from {clients} clients: median (min – max)", plan.runs);
    print_table(
        &["", "bookings/s", "of pgbench", "mean latency, ms"],
        &[
            row("pgbench, the three commits", &bare, bare_latency.shown(1)),
            row("fleet, answered 201", &answered, latency.shown(1)),
            row("fleet, until the last is in mypage", &shown, String::new()),
        ],
    );
    Ok(())
}
