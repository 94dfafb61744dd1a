//! The gateway compared with nginx as a reverse proxy, in front of the same upstream, under the same load by
//! wrk.
//!
//! With `--beside`, it also measures another build of the gateway, and this build a second time. A difference
//! is significant only if it exceeds the spread of the two equal sides.
//!
//! Needs nginx and wrk: `apt-get install nginx-light wrk`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Outcome;
use crate::processes::{cpu_seconds, memory_mib};
use crate::stats::{Runs, print_table};

/// A booking as JSON.
const ANSWER: &str = r#"{"id":1,"movieName":"soul","seat":"1A,2B","qty":2,"totalPrice":10000,"name":"CGV","status":"Registered","customerId":null,"_links":{"self":{"href":"http://localhost:8088/books/1"},"book":{"href":"http://localhost:8088/books/1"}}}"#;
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Duration of the load before a measurement, in which the connections are opened.
const WARM_UP_SECONDS: u64 = 1;

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of measurements of each side with each number of connections.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=99))]
    runs: u64,

    /// Duration of each measurement, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Numbers of connections.
    #[arg(long, default_values_t = [1, 8, 32, 256], value_delimiter = ',')]
    connections: Vec<u64>,

    /// Path of another build of `marquee` to compare with, such as one of the previous commit.
    #[arg(long, value_name = "BINARY")]
    beside: Option<PathBuf>,
}

/// A proxy in front of the upstream, and its measurements.
struct Side {
    name: &'static str,
    url: String,
    process: Daemon,
    /// One entry per number of connections.
    rates: Vec<Runs>,
    p99_ms: Vec<Runs>,
    /// CPU time of only the proxy, which does not depend on the load of the machine.
    cpu_us: Vec<Runs>,
    /// The rate and the CPU time, divided by those of the first side in the same run.
    rate_ratio: Vec<Runs>,
    cpu_ratio: Vec<Runs>,
}

/// One measurement of one side.
#[derive(Clone, Copy)]
struct Sample {
    rate: f64,
    cpu_us: f64,
}

/// A child process. It is stopped when this is dropped.
pub struct Daemon(pub Child);

pub async fn run(plan: &Plan) -> Outcome {
    let directory = TempDir::new()?;
    let ports = free_ports()?;
    let [upstream, first, second, third] = ports;
    let _upstream = nginx(directory.path(), "upstream", &upstream_conf(upstream))?;
    answers(upstream).await?;
    let own = std::env::current_exe()?.with_file_name("marquee");
    let gateway = |name, port, log| {
        let process = gateway(directory.path(), &own, name, port, upstream, log)?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Side::new(name, port, process, plan))
    };
    let mut sides = match &plan.beside {
        None => {
            let proxy = nginx(directory.path(), "proxy", &proxy_conf(first, upstream))?;
            [
                Side::new("nginx", first, proxy, plan),
                gateway("gateway", second, "warn")?,
                gateway("gateway, a log line a request", third, "info")?,
            ]
        }
        Some(other) => {
            let name = "other build";
            let process = self::gateway(directory.path(), other, name, first, upstream, "warn")?;
            [
                Side::new(name, first, process, plan),
                gateway("this build", second, "warn")?,
                gateway("this build again", third, "warn")?,
            ]
        }
    };
    for side in &sides {
        answers(port_of(&side.url)).await?;
    }
    for run in 1..=plan.runs {
        eprintln!("run {run} of {} …", plan.runs);
        for (at, connections) in plan.connections.iter().enumerate() {
            let mut reference = None;
            for side in &mut sides {
                let sample = side.measure(at, *connections, plan.seconds)?;
                side.compare(at, sample, *reference.get_or_insert(sample));
            }
        }
    }
    show(plan, &sides)
}

fn show(plan: &Plan, sides: &[Side]) -> Outcome {
    let mut rows = Vec::new();
    for (at, connections) in plan.connections.iter().enumerate() {
        for side in sides {
            rows.push(vec![
                connections.to_string(),
                side.name.to_owned(),
                side.rates[at].shown(0),
                side.rate_ratio[at].shown(2),
                side.p99_ms[at].shown(2),
                side.cpu_us[at].shown(1),
                side.cpu_ratio[at].shown(2),
            ]);
        }
    }
    let ratio = format!("of {}", sides[0].name);
    print_table(&["connections", "", "requests/s", &ratio, "p99, ms", "CPU, µs a request", &ratio], &rows);
    let memory: Outcome<Vec<_>> = sides
        .iter()
        .map(|side| Ok(vec![side.name.to_owned(), format!("{:.1}", memory_mib(side.process.0.id())?)]))
        .collect();
    print_table(&["", "memory afterwards, MiB"], &memory?);
    Ok(())
}

impl Side {
    fn new(name: &'static str, port: u16, process: Daemon, plan: &Plan) -> Self {
        let runs = vec![Runs::default(); plan.connections.len()];
        let url = format!("http://127.0.0.1:{port}/books/1");
        Self {
            name,
            url,
            process,
            rates: runs.clone(),
            p99_ms: runs.clone(),
            cpu_us: runs.clone(),
            rate_ratio: runs.clone(),
            cpu_ratio: runs,
        }
    }

    fn measure(&mut self, at: usize, connections: u64, seconds: u64) -> Outcome<Sample> {
        wrk(&self.url, connections, WARM_UP_SECONDS)?;
        let before = cpu_seconds(self.process.0.id())?;
        let (rate, p99_ms) = wrk(&self.url, connections, seconds)?;
        let cpu = cpu_seconds(self.process.0.id())? - before;
        let cpu_us = cpu * 1e6 / (rate * seconds as f64);
        self.cpu_us[at].add(cpu_us);
        self.rates[at].add(rate);
        self.p99_ms[at].add(p99_ms);
        Ok(Sample { rate, cpu_us })
    }

    /// Compares with the first side in the same run, so that a slow moment of the machine affects both.
    fn compare(&mut self, at: usize, own: Sample, reference: Sample) {
        self.rate_ratio[at].add(own.rate / reference.rate);
        self.cpu_ratio[at].add(own.cpu_us / reference.cpu_us);
    }
}

/// Returns the requests per second, and the 99th percentile of the latency in milliseconds.
fn wrk(url: &str, connections: u64, seconds: u64) -> Outcome<(f64, f64)> {
    let output = Command::new("wrk")
        .args(["--threads", "1", "--latency", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{seconds}s"), url])
        .output()
        .map_err(|error| format!("wrk (apt-get install wrk): {error}"))?;
    let printed = String::from_utf8(output.stdout)?;
    if printed.contains("Non-2xx") || printed.contains("Socket errors") || !output.status.success() {
        return Err(format!("some requests failed: {printed}").into());
    }
    let word = |name: &str| {
        let line = printed.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(str::trim).ok_or(format!("wrk does not print {name}: {printed}"))
    };
    Ok((word("Requests/sec:")?.parse()?, millis(word("99%")?).ok_or("no latency")?))
}

/// Parses a time as wrk prints it, such as `1.23ms`.
fn millis(text: &str) -> Option<f64> {
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    match &text[unit..] {
        "us" => Some(number / 1e3),
        "ms" => Some(number),
        "s" => Some(number * 1e3),
        _ => None,
    }
}

pub fn nginx(directory: &Path, name: &str, conf: &str) -> Outcome<Daemon> {
    let place = directory.join(name);
    fs::create_dir(&place)?;
    let file = place.join("nginx.conf");
    let place = place.display();
    let common = format!(
        "daemon off; pid {place}/pid; error_log {place}/error.log; worker_processes auto; worker_rlimit_nofile 8192;\n\
         events {{ worker_connections 4096; }}\n"
    );
    fs::write(&file, format!("{common}{conf}"))?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg(format!("{place}/error.log")).arg("-c").arg(file);
    Daemon::start(command, "nginx (apt-get install nginx-light)")
}

pub fn upstream_conf(port: u16) -> String {
    format!(
        "http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port};\n\
         location / {{ default_type application/hal+json; return 200 '{ANSWER}'; }}\n\
         location /readyz {{ default_type application/json; return 200 '{{\"status\":\"UP\"}}'; }} }} }}\n"
    )
}

/// Returns a configuration with the gateway's headers and keep-alive connections on both sides.
fn proxy_conf(port: u16, upstream: u16) -> String {
    format!(
        "http {{ access_log off; keepalive_requests 100000000; client_max_body_size 1m;\n\
         upstream book {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://book; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
         proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Proto $scheme;\n\
         proxy_set_header X-Request-Id $request_id; }} }} }}\n"
    )
}

/// Starts `binary`, a build of `marquee`, as gateway.
fn gateway(
    directory: &Path,
    binary: &Path,
    name: &str,
    port: u16,
    upstream: u16,
    log: &str,
) -> Outcome<Daemon> {
    let log_file = fs::File::create(directory.join(format!("{name}.log")))?;
    let mut command = Command::new(binary);
    command
        .args(["service", "gateway", "--data-dir"])
        .arg(directory.join(name))
        .args(["--", "--port", &port.to_string(), "--book-url", &format!("http://127.0.0.1:{upstream}")])
        .env("RUST_LOG", log)
        .env("LOG_FORMAT", "json")
        .env("MARQUEE_SUPERVISED", "true")
        .stdout(log_file);
    Daemon::start(command, "the gateway's binary")
}

pub async fn answers(port: u16) -> Outcome {
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if began.elapsed() > START_TIMEOUT {
            return Err(format!("nothing responds on port {port}").into());
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

impl Daemon {
    fn start(mut command: Command, what: &str) -> Outcome<Self> {
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self(child.map_err(|error| format!("{what}: {error}"))?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        // By SIGTERM, so that nginx stops its workers.
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

fn port_of(url: &str) -> u16 {
    let authority = url.split('/').nth(2).unwrap_or_default();
    authority.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default()
}

pub fn free_ports<const N: usize>() -> Outcome<[u16; N]> {
    let listeners = [(); N].map(|()| std::net::TcpListener::bind("127.0.0.1:0"));
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.as_ref().map_err(ToString::to_string)?.local_addr()?.port();
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_each_of_wrks_units() {
        assert_eq!(
            ["250.00us", "1.50ms", "2.00s", "1x"].map(millis),
            [Some(0.25), Some(1.5), Some(2000.0), None]
        );
    }
}
