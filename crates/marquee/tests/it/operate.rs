//! `marquee status`, `stop`, `logs` and `completions`, and processes that join a fleet.

use std::fs;
use std::process::Command;

use jiff::Timestamp;
use marquee::fleet::Process;
use reqwest::Method;
use serde_json::json;

use crate::fleet::{Fleet, Started, gone, marquee, run};
use crate::wait::until;

/// A command that gets no other setting than the data directory.
fn on(fleet: &Fleet, args: &[&str]) -> Command {
    let mut command = marquee(args);
    command.arg("--data-dir").arg(&fleet.data_dir);
    command
}

async fn book(fleet: &Fleet) -> i64 {
    let answer =
        fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

async fn exists(fleet: &Fleet, path: &str) {
    until(path, async || match fleet.rest.get(path).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(answer.body.to_string()),
        Err(error) => Err(error.to_string()),
    })
    .await;
}

/// A part of the line about a request that has booked, in a log file.
const BOOKED: &str = r#""url.path":"/books","http.response.status_code":201"#;

#[tokio::test(flavor = "multi_thread")]
async fn restarted_process_joins_the_fleet_with_its_settings_and_its_log() {
    let mut fleet = Fleet::nothing_but_files().await;
    let elsewhere = fleet.data_dir.with_file_name("elsewhere.db");
    fleet.on_event_log(&format!("sqlite://{}", elsewhere.display()));
    fleet.up_again().await;
    fleet.kill(Process::Ticket).await;
    let booking = book(&fleet).await;

    let log = fleet.data_dir.join("logs/ticket.log");
    let before = fs::read_to_string(&log).unwrap();
    let mut ticket = Started::spawn(on(&fleet, &["service", "ticket"]));
    exists(&fleet, &format!("/tickets/{booking}")).await;
    let request = format!(r#""url.path":"/tickets/{booking}","http.response.status_code":200"#);
    ticket.prints(&request).await;
    until("the request in the log", async || {
        let log = fs::read_to_string(&log).unwrap();
        let added = log.strip_prefix(&before).ok_or("the log does not continue")?;
        if added.contains(&request) { Ok(()) } else { Err(added.to_owned()) }
    })
    .await;
    assert_eq!(fleet.pid(Process::Ticket), ticket.pid());
    assert!(!fleet.data_dir.join("events.db").exists());

    // Another event log, or another port, is refused while the fleet runs.
    fleet.kill(Process::Point).await;
    for (flag, other) in [("--events-url", "kafka://127.0.0.1:1/movie"), ("--port-base", "1024")] {
        let (code, line) = run(on(&fleet, &["service", "point", flag, other])).await;
        assert_eq!((code, line.lines().count()), (64, 1), "{line}");
        assert!(line.starts_with(&format!("marquee: {flag} is {other}, but the fleet on ")), "{line}");
        assert!(line.contains("marquee stop --data-dir "), "{line}");
    }
    fleet.start_alone(Process::Point).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_lines_of_a_killed_process_are_in_its_log() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Book).await;
    fleet.start_alone(Process::Book).await;
    let booking = book(&fleet).await;
    fleet.last_started().prints(BOOKED).await;
    fleet.kill(Process::Book).await;
    fleet.last_started().exit_code().await;
    let log = fs::read_to_string(fleet.data_dir.join("logs/book.log")).unwrap();
    assert!(
        log.lines().any(|line| line.contains(BOOKED) && line.contains(&format!("\"booking_id\":{booking},"))),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_every_process_and_its_health() {
    let fleet = Fleet::nothing().await;
    let (code, line) = run(on(&fleet, &["status"])).await;
    assert_eq!((code, line.lines().count()), (1, 1), "{line}");
    assert!(line.contains("there is no data directory ") && !fleet.data_dir.exists(), "{line}");

    let mut fleet = fleet;
    fleet.up_again().await;
    let (code, shown) = run(on(&fleet, &["status"])).await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(&format!("the launcher is process {}", fleet.launcher().pid())), "{shown}");
    for process in Process::ALL {
        let (pid, port) = (fleet.pid(process).to_string(), process.port(fleet.port_base).to_string());
        let log = fleet.data_dir.join("logs").join(format!("{process}.log")).display().to_string();
        let expected = [process.name(), &pid, &port, "ready", &log];
        assert!(shown.lines().any(|line| line.split_whitespace().eq(expected)), "{expected:?}: {shown}");
    }

    fleet.kill(Process::Ticket).await;
    let (code, shown) = run(on(&fleet, &["status"])).await;
    assert_eq!(code, 1, "{shown}");
    let line = shown.lines().find(|line| line.starts_with("ticket ")).unwrap();
    assert!(line.contains("stopped"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_the_fleet_and_what_was_started_alone() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Ticket).await;
    fleet.start_alone(Process::Ticket).await;
    let pids = fleet.pids();
    let (code, line) = run(on(&fleet, &["stop"])).await;
    let path = fleet.data_dir.display().to_string();
    assert_eq!((code, line), (0, format!("stopped the fleet, ticket on the data directory {path}\n")));
    for pid in pids {
        gone(pid).await;
    }
    assert_eq!(fleet.launcher().exit_code().await, 0);
    assert_eq!(fleet.last_started().exit_code().await, 0);

    let nothing = format!("nothing runs on the data directory {path}\n");
    assert_eq!(run(on(&fleet, &["stop"])).await, (0, nothing.clone()));
    assert_eq!(run(on(&fleet, &["status"])).await, (3, nothing));
    fleet.up_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_a_booking_are_in_the_order_of_time_and_of_no_other() {
    let fleet = Fleet::up().await;
    let (first, second) = (book(&fleet).await, book(&fleet).await);
    for booking in [first, second] {
        exists(&fleet, &format!("/mypages/{booking}")).await;
    }
    let id = first.to_string();
    let lines = until("the page in the log", async || {
        let (code, lines) = run(on(&fleet, &["logs", "--booking", &id])).await;
        assert_eq!(code, 0, "{lines}");
        let of_mypage = |line: &str| line.starts_with("mypage ") && line.contains(" 200 ");
        if lines.lines().any(of_mypage) { Ok(lines) } else { Err(lines) }
    })
    .await;
    for (process, request) in
        [("gateway", "POST /books 201"), ("book", "POST /books 201"), ("payment", "POST /payments 201")]
    {
        let found = lines.lines().filter(|line| line.starts_with(process) && line.contains(request)).count();
        assert_eq!(found, 1, "{process}: {lines}");
    }
    assert!(!lines.contains(&format!("booking_id={second}")), "{lines}");
    assert!(!lines.contains(&format!("/mypages/{second}")), "{lines}");
    let times: Vec<Timestamp> = lines.lines().map(time).collect();
    assert!(times.is_sorted(), "{lines}");

    let (_, all) = run(on(&fleet, &["logs"])).await;
    assert!(all.contains(&format!("booking_id={second}")), "{all}");
    assert!(Process::ALL.iter().all(|process| all.contains(&format!("{process:9} | "))), "{all}");
    let (_, book_only) = run(on(&fleet, &["logs", "book"])).await;
    assert!(book_only.lines().all(|line| line.starts_with("book      | ")), "{book_only}");
}

fn time(line: &str) -> Timestamp {
    let (_, text) = line.split_once(" | ").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn followed_logs_show_new_lines() {
    let fleet = Fleet::up().await;
    let mut logs = Started::spawn(on(&fleet, &["logs", "--follow", "gateway", "book"]));
    logs.prints("book      | ").await;
    book(&fleet).await;
    logs.prints("POST /books 201").await;
    assert_eq!(logs.ended(), None);
    logs.kill();
    assert!(!logs.output().contains("payment   | "), "{}", logs.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script) = run(marquee(["completions", shell])).await;
        assert_eq!(code, 0, "{script}");
        for word in ["marquee", "status", "--port-base"] {
            assert!(script.contains(word.trim_start_matches("--")), "{shell}: {word}");
        }
    }
    let mut bash = Command::new("bash");
    let script = r#"source <("$0" completions bash) && COMP_WORDS=(marquee st) COMP_CWORD=1
        _marquee marquee st marquee && echo "${COMPREPLY[@]}""#;
    bash.args(["-c", script, env!("CARGO_BIN_EXE_marquee")]);
    assert_eq!(run(bash).await, (0, "status stop\n".to_owned()));
    assert_eq!(run(marquee(["completions", "tcsh"])).await.0, 64);
}
