//! Bookings per second on PostgreSQL and Kafka, compared with pgbench with the same three commits on the same
//! server, and the CPU time of a booking in each process. A second `marquee` can be compared on the same
//! servers, in turn.

use std::path::PathBuf;

use marquee::fleet::Process;
use marquee::load::Plan as Load;

use crate::Outcome;
use crate::fleet::{Fleet, own_marquee};
use crate::pgbench::Pgbench;
use crate::processes::cpu_seconds;
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

    /// Path of another `marquee` to compare with, such as one of an earlier commit. The two fleets book in
    /// turn.
    #[arg(long, value_name = "FILE")]
    base: Option<PathBuf>,
}

/// A process, and its CPU time per booking in microseconds, including all work that follows from the booking.
struct Cost {
    name: String,
    pid: u32,
    cpu_us: Runs,
}

/// A fleet and its measurements.
struct Side {
    name: &'static str,
    fleet: Fleet,
    costs: Vec<Cost>,
    answered: Runs,
    shown: Runs,
    latency: Runs,
    per_cpu_second: Runs,
}

pub async fn run(plan: &Plan) -> Outcome {
    let servers = Servers::start()?;
    let pgbench = Pgbench::prepare(&servers)?;
    let mut sides = vec![Side::up("fleet", own_marquee()?, &servers).await?];
    if let Some(base) = &plan.base {
        sides.push(Side::up("base", base.clone(), &servers).await?);
    }
    let Load { bookings, clients } = plan.load;
    let (mut bare, mut bare_latency) = (Runs::default(), Runs::default());
    for run in 0..=plan.runs {
        eprintln!("run {run} of {}", plan.runs);
        // The first side affects the servers for the second one, so the sides alternate.
        sides.reverse();
        for side in &mut sides {
            side.book(&plan.load, run > 0).await?;
        }
        let alone = pgbench.run(bookings, clients)?;
        eprintln!("  pgbench {:.0}/s", alone.rate);
        if run > 0 {
            bare.add(alone.rate);
            bare_latency.add(alone.mean_latency_ms);
        }
    }
    sides.sort_by_key(|side| side.name != "fleet");
    println!("{} runs of {bookings} bookings from {clients} clients: median (min – max)", plan.runs);
    let row = |name: String, rate: &Runs, latency: String| {
        vec![name, rate.shown(0), format!("{:.2}", rate.median() / bare.median()), latency]
    };
    let mut rows = vec![row("pgbench, the three commits".to_owned(), &bare, bare_latency.shown(1))];
    for side in &sides {
        rows.push(row(format!("{}, answered 201", side.name), &side.answered, side.latency.shown(1)));
        rows.push(row(format!("{}, until the last is in mypage", side.name), &side.shown, String::new()));
    }
    print_table(&["", "bookings/s", "of pgbench", "mean latency, ms"], &rows);
    for side in &sides {
        side.show();
    }
    if let [fleet, base] = &sides[..] {
        let share = fleet.per_cpu_second.median() / base.per_cpu_second.median();
        println!("{share:.2} times as many bookings a CPU second as the base");
    }
    for side in sides {
        side.fleet.stop().await?;
    }
    Ok(())
}

impl Side {
    async fn up(name: &'static str, marquee: PathBuf, servers: &Servers) -> Outcome<Self> {
        let fleet = Fleet::of(marquee, Some(servers)).await?;
        let costs = costs(&fleet, servers)?;
        Ok(Self {
            name,
            fleet,
            costs,
            answered: Runs::default(),
            shown: Runs::default(),
            latency: Runs::default(),
            per_cpu_second: Runs::default(),
        })
    }

    /// Performs one run. A warm-up run does not count.
    async fn book(&mut self, load: &Load, counts: bool) -> Outcome {
        let before = cpu_of(&self.costs)?;
        let (answers, in_mypage) = self.fleet.book(load).await?;
        let after = cpu_of(&self.costs)?;
        let bookings = load.bookings as f64;
        let rate = bookings / answers.took.as_secs_f64();
        let seconds = after.iter().sum::<f64>() - before.iter().sum::<f64>();
        eprintln!("  {} {rate:.0}/s, {:.0} a CPU second", self.name, bookings / seconds);
        if !counts {
            return Ok(());
        }
        for (at, cost) in self.costs.iter_mut().enumerate() {
            cost.cpu_us.add((after[at] - before[at]) * 1e6 / bookings);
        }
        self.per_cpu_second.add(bookings / seconds);
        self.answered.add(rate);
        self.shown.add(bookings / in_mypage.as_secs_f64());
        let total: f64 = answers.latencies.iter().copied().map(millis).sum();
        self.latency.add(total / answers.latencies.len() as f64);
        Ok(())
    }

    fn show(&self) {
        println!("{}: {} bookings a CPU second", self.name, self.per_cpu_second.shown(0));
        let all: f64 = self.costs.iter().map(|cost| cost.cpu_us.median()).sum();
        let rows = self.costs.iter().map(|Cost { name, cpu_us, .. }| {
            vec![name.clone(), cpu_us.shown(0), format!("{:.0} %", cpu_us.median() / all * 100.0)]
        });
        print_table(&["", "CPU a booking, µs", "share"], &rows.collect::<Vec<_>>());
    }
}

/// Returns all processes that take part, except the payment provider, which stands in for an external one.
fn costs(fleet: &Fleet, servers: &Servers) -> Outcome<Vec<Cost>> {
    let mut costs = Vec::new();
    for process in fleet.processes().iter().filter(|process| **process != Process::Processor) {
        costs.push((process.to_string(), fleet.pid(*process)?));
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
