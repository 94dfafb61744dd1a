//! Draws and injects faults. The seed determines the faults and their times.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use events::TOPIC;
use fastrand::Rng;
use marquee::fleet::Process;
use tokio::time::sleep;

use crate::Outcome;
use crate::fleet::{Between, Fleet};
use crate::proxy::Line;
use crate::refusals::{self, Refusal};
use crate::servers::{Server, Servers};

/// Pause between two faults, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 100..1_200;
/// Duration of a fault.
const LENGTH_MS: std::ops::Range<u64> = 50..2_500;
/// Delay of a slow connection.
const DELAY_MS: std::ops::Range<u64> = 20..900;
/// Below and above the two seconds after which the controller of `.ci/backends` considers its broker dead.
const KAFKA_FROZEN_MS: std::ops::Range<u64> = 1_000..5_000;
/// Below and above the five seconds for which a service waits for a statement.
const REFUSES_MS: std::ops::Range<u64> = 500..8_000;
/// Number of records that a fault publishes again.
const AGAIN: usize = 50;

#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(Process),
    Freeze(Process),
    Cut(Between),
    Slow(Between, Duration),
    KillServer(Server),
    FreezeKafka(Duration),
    /// The database of a process rejects statements.
    Refuse(Process, Refusal, Duration),
    /// Some records are published again.
    Redeliver,
}

/// Injects faults one after the other until `end`. Returns the number of each.
pub async fn inject(
    fleet: &mut Fleet,
    servers: Option<&Servers>,
    seed: u64,
    end: Instant,
) -> Outcome<BTreeMap<String, usize>> {
    let mut rng = Rng::with_seed(seed);
    let mut injected = BTreeMap::new();
    while Instant::now() < end {
        sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        let fault = draw(&mut rng, servers.is_some());
        let length = Duration::from_millis(rng.u64(LENGTH_MS));
        inject_one(fleet, servers, fault, length, &mut rng).await?;
        // A process may have ended because it could not start during the fault.
        for process in Process::ALL {
            fleet.start_if_it_ended(process)?;
        }
        *injected.entry(name(fault)).or_default() += 1;
    }
    Ok(injected)
}

fn draw(rng: &mut Rng, on_servers: bool) -> Fault {
    let process = Process::ALL[rng.usize(..Process::ALL.len())];
    let lines = [
        Between::OthersAndPayment,
        Between::OthersAndPoint,
        Between::PaymentAndProvider,
        Between::ServicesAndDatabases,
    ];
    let between = lines[rng.usize(..if on_servers { lines.len() } else { lines.len() - 1 })];
    match rng.u8(..if on_servers { 15 } else { 12 }) {
        0..=3 => Fault::Kill(process),
        4..=5 => Fault::Freeze(process),
        6..=7 => Fault::Cut(between),
        8 => Fault::Slow(between, Duration::from_millis(rng.u64(DELAY_MS))),
        9 => Fault::Redeliver,
        10..=11 => {
            let process = Process::WITH_DATABASE[rng.usize(..Process::WITH_DATABASE.len())];
            let refusals = Refusal::all(on_servers);
            let length = Duration::from_millis(rng.u64(REFUSES_MS));
            Fault::Refuse(process, refusals[rng.usize(..refusals.len())], length)
        }
        12 => Fault::KillServer(Server::Postgres),
        13 => Fault::KillServer(Server::Kafka),
        _ => Fault::FreezeKafka(Duration::from_millis(rng.u64(KAFKA_FROZEN_MS))),
    }
}

fn name(fault: Fault) -> String {
    match fault {
        Fault::Kill(process) => format!("{process} killed"),
        Fault::Freeze(process) => format!("{process} frozen"),
        Fault::Cut(between) => format!("cut: {between:?}"),
        Fault::Slow(between, _) => format!("slow: {between:?}"),
        Fault::KillServer(server) => format!("{server:?} killed"),
        Fault::FreezeKafka(_) => "Kafka frozen".to_owned(),
        Fault::Refuse(process, refusal, _) => format!("database of {process} {}", refusal.name()),
        Fault::Redeliver => "events redelivered".to_owned(),
    }
}

async fn inject_one(
    fleet: &mut Fleet,
    servers: Option<&Servers>,
    fault: Fault,
    length: Duration,
    rng: &mut Rng,
) -> Outcome {
    match fault {
        Fault::Kill(process) => {
            fleet.kill(process).await?;
            sleep(length).await;
            fleet.start(process)?;
        }
        Fault::Freeze(process) => {
            fleet.freeze(process);
            sleep(length).await;
            fleet.thaw(process);
        }
        Fault::Cut(between) => line_is(fleet, between, Line::Cut, length).await,
        Fault::Slow(between, delay) => line_is(fleet, between, Line::Slow(delay), length).await,
        Fault::KillServer(server) => {
            if let Some(servers) = servers {
                servers.kill(server).await?;
                sleep(length).await;
                servers.start_again(server).await?;
            }
        }
        Fault::FreezeKafka(length) => {
            if let Some(servers) = servers {
                servers.freeze_kafka().await?;
                sleep(length).await;
                servers.thaw_kafka().await?;
            }
        }
        Fault::Refuse(process, refusal, length) => {
            let refusing = refusals::refuse(process, fleet.database_url(process)?, refusal).await?;
            sleep(length).await;
            refusing.end().await?;
        }
        Fault::Redeliver => redeliver(fleet, rng).await,
    }
    Ok(())
}

async fn line_is(fleet: &Fleet, between: Between, line: Line, length: Duration) {
    if let Some(proxy) = fleet.proxies.get(&between) {
        proxy.set(line);
        sleep(length).await;
        proxy.set(Line::Open);
    }
}

/// Publishes some records again, like a relay that died before it marked them. Does nothing if the event log
/// is unreachable.
async fn redeliver(fleet: &Fleet, rng: &mut Rng) {
    let Ok(transport) = fleet.transport().await else {
        return;
    };
    let Ok(mut history) = transport.history(TOPIC).await else {
        return;
    };
    let skip = rng.u64(..history.total().max(1));
    let mut seen = 0;
    while let Ok(batch) = history.next(AGAIN).await {
        seen += batch.len() as u64;
        if batch.is_empty() || seen > skip {
            let records: Vec<_> = batch.into_iter().map(|received| received.record).collect();
            let _ = transport.publish(TOPIC, &records).await;
            return;
        }
    }
}
