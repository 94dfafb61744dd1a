//! The log files of a fleet: one search finds what all processes have logged about a booking.

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::{Value, json};

use crate::fleet::Fleet;
use crate::wait::until;

/// Those that log something about a booking that is booked and paid.
const OF_A_BOOKING: [Process; 6] =
    [Process::Gateway, Process::Book, Process::Payment, Process::Ticket, Process::Point, Process::Mypage];

fn log_of(fleet: &Fleet, process: Process) -> Vec<Value> {
    let file = fleet.data_dir.join("logs").join(format!("{process}.log"));
    let log = std::fs::read_to_string(file).unwrap();
    // The last line may not be complete yet.
    let end = log.rfind('\n').map_or(0, |newline| newline + 1);
    log[..end].lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn booking_is_found_in_the_log_of_every_process_by_one_field() {
    let fleet = Fleet::up().await;
    let answer =
        fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await.unwrap();
    assert_eq!(answer.status, 201);
    let booking = &answer.body["id"];
    for process in OF_A_BOOKING {
        let line = until(&format!("a line of {process} about the booking"), async || {
            let lines = log_of(&fleet, process);
            let found = lines.iter().find(|line| line["booking_id"] == *booking);
            found.cloned().ok_or_else(|| format!("{lines:?}"))
        })
        .await;
        assert_eq!(line["service"], process.name(), "{line}");
        assert!(line["trace_id"].as_str().is_some_and(|trace| trace.len() == 32), "{line}");
    }
    let lines = log_of(&fleet, Process::Gateway);
    let request = lines.iter().find(|line| line["http.request.method"] == "POST").unwrap();
    assert_eq!(request["url.path"], "/books", "{request}");
    assert_eq!(request["http.response.status_code"], 201, "{request}");
    assert_eq!(request["booking_id"], *booking, "{request}");
    assert!(request["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{request}");
    for process in Process::ALL {
        for line in log_of(&fleet, process) {
            assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
            assert!(
                !line["message"].as_str().unwrap().contains(char::is_numeric),
                "facts are fields: {line}"
            );
        }
    }
}
