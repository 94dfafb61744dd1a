//! Waits for all processes, and formats the text that is printed then.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::fleet::{Fleet, Process};
use crate::metrics_text::metric;
use crate::output::printable;
use crate::rest::Rest;

/// Pause between two probes; short, because the fleet is ready in less than a second.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Maximum time until all consumers have joined: a killed consumer keeps its partitions for six seconds.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Waits until each of `processes` is ready.
pub async fn all(fleet: &Fleet, processes: &[Process]) {
    for process in processes {
        let probe = Rest::new(&fleet.url(*process));
        while !is_ready(&probe).await {
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// Waits until every service has joined its consumer group, for 15 s at most: a fleet accepts bookings
/// without its broker, too. Returns whether all have joined.
pub async fn all_joined(fleet: &Fleet) -> bool {
    let joined = async {
        for process in Process::SERVICES {
            let probe = Rest::new(&fleet.url(process));
            while !metric(&probe, "consumer_joined").await.is_ok_and(|joined| joined > 0.0) {
                sleep(POLL_INTERVAL).await;
            }
        }
    };
    timeout(JOIN_TIMEOUT, joined).await.is_ok()
}

/// The names of the processes that are not ready.
pub async fn missing(fleet: &Fleet, processes: &[Process]) -> String {
    let mut names = Vec::new();
    for process in processes {
        if !is_ready(&Rest::new(&fleet.url(*process))).await {
            names.push(process.name());
        }
    }
    names.join(", ")
}

async fn is_ready(probe: &Rest) -> bool {
    probe.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
}

/// Formats the addresses, and commands to paste.
pub fn block(fleet: &Fleet, took: Duration) -> String {
    let gateway = fleet.shown_url(Process::Gateway);
    let services: String = Process::WITH_DATABASE
        .into_iter()
        .map(|process| format!("    {process:9} {}\n", fleet.shown_url(process)))
        .collect();
    let (logs, demo) = (fleet.logs_command_line(), fleet.demo_command_line());
    let data_dir = fleet.data_dir.display().to_string();
    let data_dir = printable(&data_dir);
    let seconds = took.as_secs_f64();
    format!(
        r#"
  marquee is ready after {seconds:.2} s: {gateway}

    docs      {gateway}/docs
{services}
  Databases, logs and process ids are under {data_dir}. Ctrl-C stops everything.
  This terminal shows warnings and errors. All lines:  {logs}

  Book two seats, collect the ticket, open mypage. A seat is sold once, so the movie gets a new name each time:

    movie="soul $(date +%s)"
    id=$(http POST {gateway}/books qty=2 movieName="$movie" seat="1A,2B" totalPrice=10000 | tee /dev/stderr | jq .id)
    http PATCH {gateway}/tickets/$id status="Printed"
    http {gateway}/books/$id
    http {gateway}/mypages/$id

  With curl, and without choosing seats:

    id=$(curl -sS {gateway}/books -H 'Content-Type: application/json' -d '{{"qty":2,"movieName":"soul","totalPrice":10000}}' | tee /dev/stderr | jq .id)
    curl -X PATCH {gateway}/tickets/$id -H 'Content-Type: application/json' -d '{{"status":"Printed"}}'
    curl {gateway}/mypages/$id

  A booking whose ticket is not collected can be canceled:  curl -X DELETE {gateway}/books/$id

  Load:  siege -c50 -t60S --content-type "application/json" '{gateway}/books POST {{"qty":"3"}}'
  The whole scenario, step by step:  {demo}

"#
    )
}
