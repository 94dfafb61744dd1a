//! Output of the commands: text from data cannot control the terminal, and lost output is an error.

use std::fs::File;
use std::process::{Command, Stdio};

use event_log::{Position, Received, Record};
use events::DEAD_LETTER_TOPIC;
use marquee::data_dir::DataDir;
use marquee::fleet::Process;
use messaging::dead_letter::DeadLetter;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use storage::query;
use test_kit::FakeUpstream;

use crate::audit::passes;
use crate::fleet::{Fleet, marquee, send};

/// Clears the screen, colors text (C1), reverses it, and hides a character: escape, CSI, override, zero-width
/// space.
const HOSTILE: &str = "soul\u{1b}[2J\u{9b}31m\u{202e}9A\u{200b}";
const PRINTED: &str = r"soul\u{1b}[2J\u{9b}31m\u{202e}9A\u{200b}";
const PRINTED_AS_JSON: &str = r"soul\u001b[2J\u009b31m\u202e9A\u200b";

const LOST: &str = "cannot write to standard output: No space left on device";

/// A device that is always full.
fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// The writing end of a pipe whose reader is closed.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Runs a command with the standard output `stdout`, and returns its exit code and standard error.
fn end_of(mut command: Command, stdout: Stdio) -> (i32, String) {
    let output = command.stdout(stdout).stderr(Stdio::piped()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Asserts that the command fails with one line if its standard output is full, and exits silently if it is
/// closed.
fn assert_full_and_closed_stdout(command: impl Fn() -> Command, code_when_closed: i32) {
    let (code, stderr) = end_of(command(), full());
    assert_eq!(code, 1, "{:?}: {stderr}", command());
    assert!(stderr.contains(LOST) && stderr.lines().count() == 1, "{:?}: {stderr}", command());
    assert_eq!(end_of(command(), closed()), (code_when_closed, String::new()), "{:?}", command());
}

/// Runs a command, asserts its exit code, and returns its output.
fn shown(mut command: Command, code: i32) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {stderr}");
    assert_harmless(&stderr);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_harmless(&shown);
    shown
}

fn assert_harmless(text: &str) {
    let harmful = |character: &char| "\u{1b}\u{9b}\u{202e}\u{200b}".contains(*character);
    assert_eq!(text.chars().find(harmful), None, "{text}");
}

#[test]
fn help_and_version_fail_on_a_full_disk_only() {
    for flag in ["--help", "--version"] {
        assert_full_and_closed_stdout(|| marquee([flag]), 0);
        for process in Process::ALL {
            assert_full_and_closed_stdout(|| marquee(["service", process.name(), "--", flag]), 0);
        }
    }
    for command in ["up", "service", "status", "stop", "logs", "completions", "demo", "load", "audit", "dlq"]
    {
        assert_full_and_closed_stdout(|| marquee([command, "--help"]), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_cannot_control_the_terminal() {
    let fleet = Fleet::nothing_but_files().await;
    DataDir::open(&fleet.data_dir).unwrap();
    let record = |payload: &str| Received {
        record: Record {
            key: Some(HOSTILE.to_owned()),
            payload: Some(payload.as_bytes().to_vec()),
            headers: vec![("from".to_owned(), HOSTILE.to_owned())],
        },
        position: Position { partition: 0, offset: 1 },
        appended_at: "2021-02-23T13:32:28Z".parse().unwrap(),
    };
    let transport = fleet.transport().await;
    let letter = DeadLetter { consumer: "book", reason: HOSTILE, attempts: 1 };
    let event = json!({ "eventType": HOSTILE }).to_string();
    letter.publish(transport.as_ref(), &record(&event)).await.unwrap();
    letter.publish(transport.as_ref(), &record(HOSTILE)).await.unwrap();
    assert_eq!(transport.history(DEAD_LETTER_TOPIC).await.unwrap().total(), 2);

    let dlq = |args: &[&str]| {
        let mut command = marquee(["dlq"].iter().chain(args));
        command.arg("--data-dir").arg(&fleet.data_dir);
        command
    };
    let listed: Value = serde_json::from_str(&shown(dlq(&["list", "--json"]), 0)).unwrap();
    let [event, text] = [&listed[0], &listed[1]];
    assert_eq!([&event["eventType"], &event["reason"], &text["payload"]], [HOSTILE; 3]);
    let [event, text] = [event, text].map(|letter| letter["letter"].as_str().unwrap());
    assert_eq!(shown(dlq(&["list"]), 0).matches(PRINTED).count(), 5);
    assert!(shown(dlq(&["show", event]), 0).contains(PRINTED_AS_JSON));
    // Reason, key, header, payload.
    assert_eq!(shown(dlq(&["show", text]), 0).matches(PRINTED).count(), 4);
    assert!(shown(dlq(&["replay", "--dry-run"]), 0).contains(PRINTED));

    for args in [&["list"][..], &["list", "--json"], &["show", event], &["replay", "--dry-run"]] {
        assert_full_and_closed_stdout(|| dlq(args), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_of_a_fleet_cannot_control_the_terminal() {
    let fleet = FakeUpstream::answers(500, json!({ "type": HOSTILE, "title": HOSTILE })).await;
    let demo = || marquee(["demo", "--url", &fleet.url]);
    let load = || marquee(["load", "--url", &fleet.url, "--bookings", "1"]);
    assert!(shown(demo(), 1).contains(PRINTED_AS_JSON));
    assert!(shown(load(), 1).contains(PRINTED));
    assert_full_and_closed_stdout(demo, 1);
    assert_full_and_closed_stdout(load, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn audited_row_cannot_control_the_terminal() {
    let mut fleet = Fleet::nothing_but_files().await;
    fleet.up_again().await;
    let order = json!({ "movieName": "soul" });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, 201);
    passes(&fleet).await;
    let mut tx = fleet.db(Process::Mypage).await.begin().await.unwrap();
    tx.execute(query("UPDATE mypages SET movie_name = $1").bind(HOSTILE)).await.unwrap();
    tx.commit().await.unwrap();

    let audit = |flags: &[&str]| {
        let mut command = marquee(["audit", "--settle-seconds", "0"]);
        command.args(fleet.flags()).args(flags);
        command
    };
    let text = shown(audit(&[]), 1);
    assert!(text.contains("mypage-differs") && text.contains(PRINTED_AS_JSON), "{text}");
    let report: Value = serde_json::from_str(&shown(audit(&["--json"]), 1)).unwrap();
    assert!(report.to_string().contains(&json!(HOSTILE).to_string()), "{report}");
    assert_full_and_closed_stdout(|| audit(&[]), 1);
    assert_full_and_closed_stdout(|| audit(&["--json"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn launcher_reports_a_full_disk_and_the_fleet_continues() {
    let fleet = Fleet::nothing_but_files().await;
    let mut command = marquee(["up"].iter().map(ToString::to_string).chain(fleet.flags()));
    let launcher = command.stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
    for process in Process::ALL {
        fleet.ready(process).await;
    }
    let order = json!({ "movieName": "soul" });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, 201);
    send(launcher.id().try_into().unwrap(), Signal::TERM);
    let output = launcher.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr, format!("marquee: {LOST} (os error 28)\n"));
}
