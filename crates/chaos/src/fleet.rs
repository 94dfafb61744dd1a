//! The processes of the fleet, which can be started and killed one by one.
//!
//! Payment, point and the payment provider are behind proxies, and so are the databases, if they are on a
//! server.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit_databases::{Databases, Provider};
use event_log::Transport;
use jiff::Timestamp;
use marquee::data_dir::DataDir;
use marquee::fleet::{Fleet as Place, Given, Process};
use marquee::rest::Rest;
use messaging::{EventLog, connect};
use reqwest::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use storage::{Db, Settings};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::Outcome;
use crate::proxy::{Line, Proxy};
use crate::refusals::{ROLE, create_role};
use crate::servers::Servers;

const READY_TIMEOUT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const STAFF_TOKEN: &str = "chaos";
/// The user that owns the PostgreSQL server of `.ci/backends`.
const SUPERUSER: &str = "marquee";
/// Duration of holds: short, so that holds expire while faults are injected.
const HOLD_SECONDS: &str = "10";
/// The payment provider declines higher amounts, such as those of the best seats.
const DECLINE_OVER: &str = "20000";
/// How far ahead the screening begins: long after the run.
const STARTS_IN: Duration = Duration::from_secs(30 * 24 * 3600);
/// Number of rows of the hall, and the seats of each.
pub const ROWS: usize = 20;
pub const LETTERS: &str = "ABCDEFGHIJ";

/// A proxy's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Between {
    OthersAndPayment,
    OthersAndPoint,
    PaymentAndProvider,
    ServicesAndDatabases,
}

/// A running fleet. Its processes stop when it is dropped.
pub struct Fleet {
    /// The addresses by which the processes call each other.
    place: Place,
    /// The addresses of payment, point and the provider behind their proxies.
    behind: Place,
    running: BTreeMap<Process, Child>,
    pub proxies: BTreeMap<Between, Proxy>,
    /// The URL prefix of the databases on a server, which bypasses the proxy.
    direct: Option<String>,
    directory: Option<TempDir>,
}

impl Fleet {
    pub async fn up(servers: Option<&Servers>) -> Outcome<Self> {
        let directory = TempDir::new()?;
        let [base, base_behind] = free_port_bases()?;
        let prefix = format!("chaos_{}_", uuid::Uuid::now_v7().simple());
        let url = |user: &str, address: SocketAddr| format!("postgres://{user}@{address}/{prefix}");
        let database_port = SocketAddr::from((Ipv4Addr::LOCALHOST, base + 9));
        let place = Place {
            data_dir: directory.path().join("data"),
            port_base: base,
            host: Ipv4Addr::LOCALHOST.into(),
            database_url_prefix: servers.map(|_| url(ROLE, database_port)),
            database_urls: Vec::new(),
            events_url: servers.map(|servers| format!("kafka://{}/{prefix}", servers.kafka)),
            given: Given::default(),
        };
        let behind = Place { port_base: base_behind, ..place.clone() };
        let mut proxies = BTreeMap::new();
        for (between, process) in [
            (Between::OthersAndPayment, Process::Payment),
            (Between::OthersAndPoint, Process::Point),
            (Between::PaymentAndProvider, Process::Processor),
        ] {
            let proxy = Proxy::start(place.address(process), behind.address(process)).await?;
            proxies.insert(between, proxy);
        }
        if let Some(servers) = servers {
            let proxy = Proxy::start(database_port, servers.postgres).await?;
            proxies.insert(Between::ServicesAndDatabases, proxy);
            create_role(&format!("postgres://{SUPERUSER}@{}/postgres", servers.postgres)).await?;
            for process in Process::WITH_DATABASE {
                let url = format!("{}{process}", url(ROLE, servers.postgres));
                Db::create_if_missing(&url.parse()?).await?;
            }
        }
        let direct = servers.map(|servers| url(SUPERUSER, servers.postgres));
        let mut fleet =
            Self { place, behind, running: BTreeMap::new(), proxies, direct, directory: Some(directory) };
        for process in Process::ALL {
            fleet.start(process)?;
        }
        fleet.ready().await?;
        Ok(fleet)
    }

    /// Returns the URL of the gateway.
    pub fn gateway(&self) -> String {
        self.place.url(Process::Gateway)
    }

    /// Starts a process that is not running.
    pub fn start(&mut self, process: Process) -> Outcome {
        let place = self.place_of(process).clone();
        std::fs::create_dir_all(place.data_dir.join("logs"))?;
        let log = place.data_dir.join("logs").join(format!("{process}.log"));
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(std::env::current_exe()?.with_file_name("marquee"))
            .args(["service", process.name()])
            .args(place.flags())
            .envs(place.environment())
            // The processes behind a proxy have other ports, and their output is already in their logs.
            .env("MARQUEE_SUPERVISED", "true")
            // Payment is behind a proxy, and reaches the provider through another one.
            .env("PROCESSOR_URL", self.place.url(Process::Processor))
            .envs([
                ("STAFF_TOKEN", STAFF_TOKEN),
                ("HOLD_SECONDS", HOLD_SECONDS),
                ("PAYMENT_DECLINE_OVER", DECLINE_OVER),
                ("MAX_HELD", "100000"),
                ("MAX_HELD_PER_CUSTOMER", "100000"),
                ("KAFKA_PARTITIONS", "3"),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start marquee beside this program: {error}"))?;
        self.running.insert(process, child);
        Ok(())
    }

    /// Kills a process (kill -9).
    pub async fn kill(&mut self, process: Process) -> Outcome {
        if let Some(mut child) = self.running.remove(&process) {
            child.kill().await?;
        }
        Ok(())
    }

    pub fn freeze(&self, process: Process) {
        self.send(process, Signal::STOP);
    }

    pub fn thaw(&self, process: Process) {
        self.send(process, Signal::CONT);
    }

    fn send(&self, process: Process, signal: Signal) {
        let id = self.running.get(&process).and_then(Child::id);
        if let Some(pid) = id.and_then(|id| Pid::from_raw(id.cast_signed())) {
            // It may have ended already.
            let _ = kill_process(pid, signal);
        }
    }

    /// Ends all faults, and waits until all processes are ready.
    pub async fn heal(&mut self) -> Outcome {
        for proxy in self.proxies.values() {
            proxy.set(Line::Open);
        }
        for process in Process::ALL {
            self.thaw(process);
            self.start_if_it_ended(process)?;
        }
        self.ready().await
    }

    /// Starts a process again if it has ended, for example because its database was unreachable when it
    /// started.
    pub fn start_if_it_ended(&mut self, process: Process) -> Outcome {
        let has_ended = match self.running.get_mut(&process) {
            Some(child) => child.try_wait()?.is_some(),
            None => true,
        };
        if has_ended { self.start(process) } else { Ok(()) }
    }

    async fn ready(&mut self) -> Outcome {
        let began = Instant::now();
        for process in Process::ALL {
            let probe = Rest::new(&self.place_of(process).url(process));
            while !probe.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                self.start_if_it_ended(process)?;
                if began.elapsed() > READY_TIMEOUT {
                    return Err(format!("{process} does not become ready; see {}", self.shown_dir()).into());
                }
                sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }

    /// Creates a screening in a hall of twenty rows of ten seats, and returns its id. The provider declines
    /// payments for seats of the first row.
    pub async fn create_screening(&self) -> Outcome<i64> {
        let row = |number: usize| {
            let class = if number == 1 { "best" } else { "standard" };
            json!({ "name": number.to_string(), "seats": LETTERS, "priceClass": class })
        };
        let rows: Vec<Value> = (1..=ROWS).map(row).collect();
        let starts_at = Timestamp::now() + STARTS_IN;
        let screening = json!({
            "movieName": "soul", "theatre": "Hall 1", "startsAt": starts_at.to_string(),
            "hall": { "rows": rows }, "prices": { "standard": 5000, "best": 25000 },
        });
        let client = Client::builder().no_proxy().build()?;
        let request =
            client.post(format!("{}/screenings", self.gateway())).header("X-Staff-Token", STAFF_TOKEN);
        let answer = request.json(&screening).send().await?.error_for_status()?;
        let screening: Value = answer.json().await?;
        Ok(screening["id"].as_i64().ok_or("a screening without an id")?)
    }

    /// Opens all databases, bypassing the proxy.
    pub async fn databases(&self) -> Outcome<Databases> {
        Ok(Databases {
            book: self.db(Process::Book).await?,
            payment: self.db(Process::Payment).await?,
            ticket: self.db(Process::Ticket).await?,
            point: self.db(Process::Point).await?,
            mypage: self.db(Process::Mypage).await?,
            provider: Some(Provider {
                db: self.db(Process::Processor).await?,
                fleet_id: DataDir::open(&self.place.data_dir)?.fleet_id()?,
                url: self.place_of(Process::Processor).url(Process::Processor),
            }),
        })
    }

    async fn db(&self, process: Process) -> Outcome<Db> {
        Ok(Db::open(&self.database_url(process)?.parse()?, Settings::default()).await?)
    }

    /// Returns the URL of the database of `process`, bypassing the proxy, for a superuser.
    pub fn database_url(&self, process: Process) -> Outcome<String> {
        Ok(match &self.direct {
            Some(prefix) => format!("{prefix}{process}"),
            None => DataDir::open(&self.place.data_dir)?.database_url(process.name()),
        })
    }

    /// Opens the event log.
    pub async fn transport(&self) -> Outcome<Arc<dyn Transport>> {
        let url = match &self.place.events_url {
            Some(url) => url.clone(),
            None => DataDir::open(&self.place.data_dir)?.database_url("events"),
        };
        Ok(connect(&url.parse::<EventLog>()?).await?)
    }

    fn place_of(&self, process: Process) -> &Place {
        let are_behind = [Process::Payment, Process::Processor, Process::Point];
        if are_behind.contains(&process) { &self.behind } else { &self.place }
    }

    /// Returns the readiness that each process reports.
    pub async fn readiness(&self) -> Vec<(Process, String)> {
        let mut readiness = Vec::new();
        for process in Process::ALL {
            let answer = Rest::new(&self.place_of(process).url(process)).get("/readyz").await;
            readiness.push((
                process,
                answer.map_or_else(|error| error.to_string(), |answer| answer.body.to_string()),
            ));
        }
        readiness
    }

    fn shown_dir(&self) -> String {
        self.place.data_dir.display().to_string()
    }

    /// Keeps data and logs for an analysis.
    pub fn keep(&mut self) {
        if let Some(directory) = self.directory.take() {
            println!("kept          {}", directory.keep().display());
        }
    }
}

/// Finds two ranges of ten free ports, below the ports that the kernel assigns to outgoing connections. The
/// search starts at a random range, because another run may search at the same time.
fn free_port_bases() -> Outcome<[u16; 2]> {
    let is_free =
        |base: &u16| (1..=10).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, base + port)).is_ok());
    let first = fastrand::u16(..800);
    let mut free = (0..800).map(|n| 24_000 + (first + n) % 800 * 10).filter(is_free);
    match (free.next(), free.next()) {
        (Some(one), Some(other)) => Ok([one, other]),
        _ => Err("no free ports".into()),
    }
}
