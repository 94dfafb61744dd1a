//! Memory of each process under load.

use std::time::{Duration, Instant};

use marquee::fleet::Process;
use marquee::load::Plan as Load;

use crate::Outcome;
use crate::fleet::Fleet;
use crate::servers::Servers;
use crate::stats::print_table;

/// Number of bookings between two checks of the time.
const STRETCH: u64 = 200;

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Duration of the load, in minutes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    minutes: u64,

    /// Interval of the readings, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    every: u64,

    /// Number of concurrent clients.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1024))]
    clients: u64,

    /// Use SQLite and the embedded log.
    #[arg(long)]
    embedded: bool,
}

/// The minutes since the start, and the resident memory of each process in MiB.
type Reading = (f64, Vec<f64>);

pub async fn run(plan: &Plan) -> Outcome {
    let servers = if plan.embedded { None } else { Some(Servers::start()?) };
    let fleet = Fleet::up(servers.as_ref()).await?;
    let began = Instant::now();
    let duration = Duration::from_secs(60 * plan.minutes);
    let load = Load { bookings: STRETCH, clients: plan.clients };
    let names = Process::ALL.map(|process| format!("{process:>8}")).join("");
    println!("minutes  bookings{names}   (MiB)");
    let mut readings = vec![read(&fleet, began)?];
    let mut bookings = 0;
    while began.elapsed() < duration {
        let due = Duration::from_secs(plan.every) * u32::try_from(readings.len())?;
        while began.elapsed() < due {
            fleet.book(&load).await?;
            bookings += STRETCH;
        }
        readings.push(read(&fleet, began)?);
        let (minutes, memory) = &readings[readings.len() - 1];
        let memory: String = memory.iter().map(|mib| format!("{mib:8.1}")).collect();
        println!("{minutes:7.1}{bookings:10}{memory}");
    }
    fleet.stop().await?;
    let rows: Vec<Vec<String>> =
        Process::ALL.iter().enumerate().map(|(at, process)| row(*process, at, &readings)).collect();
    println!("{bookings} bookings from {} clients in {} minutes", plan.clients, plan.minutes);
    print_table(&["MiB", "at rest", "at half", "at the end", "a minute, second half"], &rows);
    Ok(())
}

fn read(fleet: &Fleet, began: Instant) -> Outcome<Reading> {
    let kib = Process::ALL.iter().map(|process| fleet.memory(*process, "VmRSS"));
    let mib = kib.map(|kib| Ok(kib? as f64 / 1024.0)).collect::<Outcome<_>>()?;
    Ok((began.elapsed().as_secs_f64() / 60.0, mib))
}

fn row(process: Process, at: usize, readings: &[Reading]) -> Vec<String> {
    let points: Vec<(f64, f64)> = readings.iter().map(|(minutes, memory)| (*minutes, memory[at])).collect();
    let half = points.len() / 2;
    let [first, middle, last] = [0, half, points.len() - 1].map(|index| format!("{:.1}", points[index].1));
    vec![process.name().to_owned(), first, middle, last, format!("{:+.3}", slope(&points[half..]))]
}

/// Returns the slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let rise: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    rise / points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line_through_the_points() {
        assert!((slope(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]) - 2.0).abs() < 1e-9);
    }
}
