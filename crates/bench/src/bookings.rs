//! Bookings a second on PostgreSQL and Kafka, beside pgbench with the same three commits on the same server; and what a
//! booking costs each process.

use marquee::fleet::Process;
use marquee::load::Plan as Load;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::pgbench::Pgbench;
use crate::processes::cpu_seconds;
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

/// A process, and the microseconds of CPU that a booking costs there, with all that follows from it.
struct Cost {
    name: String,
    pid: u32,
    cpu_us: Runs,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let pgbench = Pgbench::prepare(&servers)?;
    let fleet = Fleet::up(Some(&servers)).await?;
    let Load { bookings, clients } = plan.load;
    let (mut answered, mut shown, mut latency) = (Runs::default(), Runs::default(), Runs::default());
    let (mut bare, mut bare_latency) = (Runs::default(), Runs::default());
    let mut costs = costs(&fleet, &servers)?;
    for run in 0..=plan.runs {
        let before = cpu_of(&costs)?;
        let (answers, in_mypage) = fleet.book(&plan.load).await?;
        let after = cpu_of(&costs)?;
        let alone = pgbench.run(bookings, clients)?;
        let rate = bookings as f64 / answers.took.as_secs_f64();
        eprintln!("run {run} of {}: fleet {rate:.0}/s, pgbench {:.0}/s", plan.runs, alone.rate);
        if run == 0 {
            continue;
        }
        for (at, cost) in costs.iter_mut().enumerate() {
            cost.cpu_us.add((after[at] - before[at]) * 1e6 / bookings as f64);
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
    show(&costs);
    Ok(())
}

/// Everything on this machine that takes part, but the payment provider.
fn costs(fleet: &Fleet, servers: &Servers) -> Outcome<Vec<Cost>> {
    let mut costs = Vec::new();
    // The payment provider stands in for somebody else's.
    for process in Process::ALL.into_iter().filter(|process| *process != Process::Processor) {
        costs.push((process.to_string(), fleet.pid(process)?));
    }
    for server in ["postgres", "kafka"] {
        costs.push((server.to_owned(), servers.pid(server)?));
    }
    costs.push(("the clients".to_owned(), std::process::id()));
    Ok(costs.into_iter().map(|(name, pid)| Cost { name, pid, cpu_us: Runs::default() }).collect())
}

fn cpu_of(costs: &[Cost]) -> Outcome<Vec<f64>> {
    costs.iter().map(|cost| cpu_seconds(cost.pid)).collect()
}

fn show(costs: &[Cost]) {
    let all: f64 = costs.iter().map(|cost| cost.cpu_us.median()).sum();
    println!("{:.0} bookings a CPU second:", 1e6 / all);
    let rows = costs.iter().map(|Cost { name, cpu_us, .. }| {
        vec![name.clone(), cpu_us.shown(0), format!("{:.0} %", cpu_us.median() / all * 100.0)]
    });
    print_table(&["", "CPU a booking, µs", "share"], &rows.collect::<Vec<_>>());
}
