//! Waiting for all processes, and what is printed then.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::fleet::{Fleet, Process};
use crate::metrics_text::metric;
use crate::output::printable;
use crate::rest::Rest;

/// Between two looks; short, because the fleet is ready in less than a second.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Longest to wait for events to be heard: a consumer group that was killed gives its places away after six seconds.
const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// Returns when each of `processes` says it is ready.
pub async fn all(fleet: &Fleet, processes: &[Process]) {
    for process in processes {
        let probe = Rest::new(&fleet.url(*process));
        while !is_ready(&probe).await {
            sleep(POLL_INTERVAL).await;
        }
    }
}

/// Whether every service hears the others' events. Without its broker a fleet takes bookings all the same, so this is not
/// waited for longer than 15 s.
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

/// The names of those that are not ready now.
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

/// Addresses, and commands to paste.
pub fn block(fleet: &Fleet, took: Duration) -> String {
    let gateway = fleet.shown_url(Process::Gateway);
    let services: String = Process::WITH_DATABASE
        .into_iter()
        .map(|process| format!("    {process:9} {}\n", fleet.shown_url(process)))
        .collect();
    let demo = fleet.demo_command_line();
    let data_dir = fleet.data_dir.display().to_string();
    let data_dir = printable(&data_dir);
    let seconds = took.as_secs_f64();
    format!(
        r#"
  marquee is ready after {seconds:.2} s: {gateway}

    docs      {gateway}/docs
{services}
  Databases, logs and process ids are under {data_dir}. Ctrl-C stops everything.

  Book two seats, collect the ticket, look at mypage (put the id your booking answers in the place of 1):

    http POST {gateway}/books qty=2 movieName="soul" seat="1A,2B" totalPrice=10000
    http PATCH {gateway}/tickets/1 status="Printed"
    http {gateway}/books/1
    http {gateway}/mypages/1

    curl -X POST {gateway}/books -H 'Content-Type: application/json' -d '{{"qty":2,"movieName":"soul","seat":"1A,2B","totalPrice":10000}}'
    curl -X PATCH {gateway}/tickets/1 -H 'Content-Type: application/json' -d '{{"status":"Printed"}}'
    curl {gateway}/books/1
    curl {gateway}/mypages/1

  A booking whose ticket is not collected can be canceled: curl -X DELETE {gateway}/books/2

  Load:  siege -c50 -t60S -r10 --content-type "application/json" '{gateway}/books POST {{"qty":"3"}}'
  All of it, explained:  {demo}

"#
    )
}
