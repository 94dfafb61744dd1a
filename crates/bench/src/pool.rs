//! The gateway's connection pool compared with hyper-util's client, in this process, with the same nginx as
//! upstream.
//!
//! Needs nginx: `apt-get install nginx-light`.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use http_pool::Pool;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Outcome;
use crate::gateway::{Daemon, answers, free_ports, nginx, upstream_conf};
use crate::processes::cpu_seconds;
use crate::stats::{Runs, print_table};

/// Maximum wait for one response.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(clap::Args, Debug)]
pub struct Plan {
    /// Number of runs of each side.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=99))]
    runs: u64,

    /// Duration of a run, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,

    /// Numbers of concurrent callers.
    #[arg(long, default_values_t = [1, 32, 256], value_delimiter = ',')]
    callers: Vec<u16>,
}

/// A side: the client that sends the requests.
#[derive(Clone)]
enum Sender {
    Pool(Arc<Pool>),
    Client(Client<HttpConnector, Full<bytes::Bytes>>),
}

const SIDES: [&str; 2] = ["http-pool", "hyper-util"];

pub async fn run(plan: &Plan) -> Outcome {
    let directory = TempDir::new()?;
    let [port] = free_ports()?;
    let server = nginx(directory.path(), "upstream", &upstream_conf(port))?;
    answers(port).await?;
    let empty = vec![Runs::default(); plan.callers.len()];
    let mut rates = [empty.clone(), empty.clone()];
    let mut costs = [empty.clone(), empty];
    for run in 1..=plan.runs {
        eprintln!("run {run} of {} …", plan.runs);
        for (at, callers) in plan.callers.iter().enumerate() {
            // The sides alternate in beginning a run.
            for side in [run % 2, (run + 1) % 2].map(|side| usize::from(side == 1)) {
                let (rate, cost) = measure(side, port, *callers, plan.seconds, &server).await?;
                rates[side][at].add(rate);
                costs[side][at].add(cost);
            }
        }
    }
    let rows: Vec<_> = (0..plan.callers.len() * SIDES.len())
        .map(|row| {
            let (at, side) = (row / SIDES.len(), row % SIDES.len());
            let ratio = rates[side][at].median() / rates[1][at].median();
            vec![
                plan.callers[at].to_string(),
                SIDES[side].to_owned(),
                rates[side][at].shown(0),
                format!("{ratio:.2}"),
                costs[side][at].shown(1),
            ]
        })
        .collect();
    print_table(&["callers", "", "requests/s", "of hyper-util", "CPU, µs a request"], &rows);
    Ok(())
}

/// Returns the requests per second, and this process's CPU time per request in microseconds.
async fn measure(side: usize, port: u16, callers: u16, seconds: u64, server: &Daemon) -> Outcome<(f64, f64)> {
    let own_cpu = || Outcome::Ok(cpu_seconds(std::process::id())? - cpu_seconds(server.0.id())?);
    let before = own_cpu()?;
    // One event loop, like those of the gateway.
    let running = tokio::task::spawn_blocking(move || -> Outcome<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(load(side, port, callers, Duration::from_secs(seconds)))
    });
    let answered = running.await?? as f64;
    Ok((answered / seconds as f64, (own_cpu()? - before) * 1e6 / answered))
}

/// Returns the number of responses that `callers` get within `time`.
async fn load(side: usize, port: u16, callers: u16, time: Duration) -> Outcome<u64> {
    let sender = if side == 0 {
        let address = format!("127.0.0.1:{port}");
        let host = HeaderValue::from_str(&address)?;
        Sender::Pool(Arc::new(Pool::new(address, host)))
    } else {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Sender::Client(client)
    };
    let end = Instant::now() + time;
    let mut running = JoinSet::new();
    for _ in 0..callers {
        running.spawn(caller(sender.clone(), port, end));
    }
    let mut answered = 0;
    while let Some(count) = running.join_next().await {
        answered += count??;
    }
    Ok(answered)
}

async fn caller(sender: Sender, port: u16, end: Instant) -> Outcome<u64> {
    let mut answered = 0;
    while Instant::now() < end {
        let status = match &sender {
            Sender::Pool(pool) => {
                let request = Request::get("/books/1").body(Full::default())?;
                let response = pool.send(request, Instant::now() + ANSWER_TIMEOUT).await?;
                let status = response.status();
                response.into_body().collect().await?;
                status
            }
            Sender::Client(client) => {
                let request =
                    Request::get(format!("http://127.0.0.1:{port}/books/1")).body(Full::default())?;
                let response = tokio::time::timeout(ANSWER_TIMEOUT, client.request(request)).await??;
                let status = response.status();
                response.into_body().collect().await?;
                status
            }
        };
        if !status.is_success() {
            return Err(format!("nginx answered {status}").into());
        }
        answered += 1;
    }
    Ok(answered)
}
