//! Starts a fleet with the `marquee` beside this program.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use marquee::fleet::{Fleet as Place, Given, Process};
use marquee::load::Plan;
use marquee::load::clients::{self, Answers};
use marquee::rest::Rest;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::Outcome;
use crate::servers::Servers;

/// The staff token of the fleet.
pub const STAFF_TOKEN: &str = "bench";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum wait for all work that follows from the last booking.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(300);
/// A directory in memory, on Linux.
const MEMORY: &str = "/dev/shm";
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A running fleet. It stops when it is dropped.
pub struct Fleet {
    place: Place,
    launcher: Child,
    processes: Vec<Process>,
    /// The data directory, and that of the payment provider.
    _directories: [TempDir; 2],
}

impl Fleet {
    /// Starts a whole fleet on the servers or on files.
    pub async fn up(servers: Option<&Servers>) -> Outcome<Self> {
        Self::of(own_marquee()?, servers).await
    }

    /// Starts a whole fleet with another `marquee`, which may be an older version with fewer processes.
    pub async fn of(marquee: PathBuf, servers: Option<&Servers>) -> Outcome<Self> {
        let topic = format!("fleet-{}", uuid::Uuid::now_v7().simple());
        let urls = servers.map(|servers| {
            (format!("{}{}_", servers.postgres, topic.replace('-', "_")), servers.events_url(&topic))
        });
        let mut processes = Vec::new();
        for process in Process::ALL {
            if has_process(&marquee, process).await? {
                processes.push(process);
            }
        }
        Self::start(&marquee, &["up"], urls, processes).await
    }

    /// Starts only mypage, with a new database, on the topic of `events_url`.
    pub async fn mypage(servers: &Servers, database: &str, events_url: String) -> Outcome<Self> {
        servers.create_database(&format!("{database}_mypage"))?;
        let urls = (format!("{}{database}_", servers.postgres), events_url);
        Self::start(&own_marquee()?, &["service", "mypage"], Some(urls), vec![Process::Mypage]).await
    }

    async fn start(
        marquee: &Path,
        command: &[&str],
        urls: Option<(String, String)>,
        processes: Vec<Process>,
    ) -> Outcome<Self> {
        let directory = TempDir::new()?;
        let (database_url_prefix, events_url) = urls.unzip();
        // The payment provider and its database are not part of the fleet. With an SQLite file, the cost of
        // its database is in its own process; in memory, its commits do not wait for the disk of the fleet's
        // servers.
        let memory = Path::new(MEMORY);
        let provider_directory = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        let provider = format!("sqlite://{}", provider_directory.path().join("processor.db").display());
        let has_provider = database_url_prefix.is_some() && processes.contains(&Process::Processor);
        let place = Place {
            data_dir: directory.path().join("data"),
            port_base: free_port_base()?,
            host: "127.0.0.1".parse()?,
            database_url_prefix,
            database_urls: if has_provider { vec![(Process::Processor, provider)] } else { Vec::new() },
            events_url,
            given: Given::default(),
        };
        let launcher = Command::new(marquee)
            .args(command)
            .args(place.flags())
            .envs(place.environment())
            // A process that writes the log of another one would be measured, too.
            .env("MARQUEE_SUPERVISED", "true")
            .env("STAFF_TOKEN", STAFF_TOKEN)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", marquee.display()))?;
        let mut fleet = Self { place, launcher, processes, _directories: [directory, provider_directory] };
        fleet.ready().await?;
        // Otherwise, the benchmark would measure the wrong backends.
        if fleet.place.database_url_prefix.is_some() && fleet.has_files() {
            return Err("the fleet uses files instead of the servers".into());
        }
        Ok(fleet)
    }

    async fn ready(&mut self) -> Outcome {
        let began = Instant::now();
        for process in self.processes.clone() {
            let probe = self.service(process);
            while !probe.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                if let Some(status) = self.launcher.try_wait()? {
                    return Err(format!("marquee ended with {status}").into());
                }
                if began.elapsed() > START_TIMEOUT {
                    return Err(format!("{process} has not become ready in time").into());
                }
                sleep(POLL_INTERVAL).await;
            }
        }
        Ok(())
    }

    fn has_files(&self) -> bool {
        let mut entries = fs::read_dir(&self.place.data_dir).into_iter().flatten().flatten();
        entries.any(|entry| entry.path().extension().is_some_and(|kind| kind == "db"))
    }

    /// Returns the processes of the fleet.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Returns a client of a process, which bypasses the gateway.
    pub fn service(&self, process: Process) -> Rest {
        Rest::new(&self.place.url(process))
    }

    /// Returns the address of a process.
    pub fn address(&self, process: Process) -> Outcome<SocketAddr> {
        Ok(self.place.url(process).trim_start_matches("http://").parse()?)
    }

    pub fn gateway(&self) -> Rest {
        self.service(Process::Gateway)
    }

    /// Returns the name of the topic; empty on the embedded log.
    pub fn topic(&self) -> String {
        let url = self.place.events_url.as_deref().and_then(|url| url.rsplit_once('/'));
        url.map(|(_, topic)| topic.to_owned()).unwrap_or_default()
    }

    /// Returns the name of the service's database on the server.
    pub fn database(&self, service: Process) -> Outcome<String> {
        let prefix = self.place.database_url_prefix.as_deref().and_then(|url| url.rsplit_once('/'));
        let (_, prefix) = prefix.ok_or("the fleet is not on a server")?;
        Ok(format!("{prefix}{service}"))
    }

    /// Returns a field of `/proc/<pid>/status` of a process, in KiB.
    pub fn memory(&self, process: Process, field: &str) -> Outcome<u64> {
        memory(&PathBuf::from("/proc").join(self.pid(process)?.to_string()), field)
    }

    pub fn pid(&self, process: Process) -> Outcome<u32> {
        let file = self.place.data_dir.join("run").join(format!("{process}.pid"));
        Ok(fs::read_to_string(file)?.trim().parse()?)
    }

    /// Makes the bookings, and waits until mypage shows all of them. Returns the time since the first
    /// request.
    pub async fn book(&self, plan: &Plan) -> Outcome<(Answers, Duration)> {
        let rest = self.gateway();
        let began = Instant::now();
        let answers = clients::book(&rest, plan).await;
        if answers.booked.len() as u64 != plan.bookings {
            return Err(format!("some bookings did not get 201: {:?}", answers.by_status).into());
        }
        let rows = format!("/mypages?customerId={}", answers.customer);
        while rest.count(&rows).await? < plan.bookings {
            if began.elapsed() > SETTLE_TIMEOUT {
                return Err("some bookings have not reached mypage".into());
            }
            sleep(POLL_INTERVAL).await;
        }
        Ok((answers, began.elapsed()))
    }

    /// Stops the fleet, like Ctrl-C.
    pub async fn stop(mut self) -> Outcome {
        if let Some(pid) = self.launcher.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(pid, Signal::TERM)?;
        }
        tokio::time::timeout(STOP_TIMEOUT, self.launcher.wait()).await??;
        Ok(())
    }
}

/// Returns the path of the `marquee` beside this program.
pub fn own_marquee() -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("marquee"))
}

/// Whether this version of `marquee` has `process`.
async fn has_process(marquee: &Path, process: Process) -> Outcome<bool> {
    let help = Command::new(marquee).args(["service", process.name(), "--help"]).output().await;
    let help = help.map_err(|error| format!("cannot start {}: {error}", marquee.display()))?;
    Ok(help.status.success())
}

/// Returns a field of a process's `status` file, in KiB.
pub fn memory(process: &Path, field: &str) -> Outcome<u64> {
    let status = fs::read_to_string(process.join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no such line")?;
    Ok(number.parse()?)
}

/// Returns a free port base, below the ports that the kernel assigns to outgoing connections.
fn free_port_base() -> Outcome<u16> {
    let is_free = |base: &u16| {
        Process::ALL.iter().all(|process| TcpListener::bind(("127.0.0.1", process.port(*base))).is_ok())
    };
    (22_000..32_000).step_by(10).find(is_free).ok_or_else(|| "no free ports".into())
}
