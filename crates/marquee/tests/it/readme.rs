//! The commands of the README, in both languages, and those that a ready launcher prints. They can be pasted
//! again and again into the same fleet.
//!
//! They need the real httpie, curl and jq, so they run with `MARQUEE_TEST_CLIENTS=1`, as in the gate.

use std::path::Path;
use std::process::{Command, Stdio};

use tokio::task::spawn_blocking;

use crate::fleet::Fleet;

const GATEWAY: &str = "http://localhost:8088";

/// Replaces the clients by functions that also check the status of each answer. A person types the next command
/// a moment later, when events have had their effect; therefore all but `POST` are repeated for a while.
const CLIENTS: &str = r#"
set -euo pipefail
work=$1
mkdir -p "$work"
echo 0 >"$work/count"
expect() { # STATUS-PATTERN METHOD-IS-POST COMMAND…
    local count expected tries=100
    count=$(($(cat "$work/count") + 1))
    echo "$count" >"$work/count"
    expected=$(sed -n "${count}p" "$work/expected")
    case " $* " in *" PATCH "*) ;; *" POST "*|*" -d "*) tries=1 ;; esac
    while :; do
        status=$("$@")
        [[ $status =~ ^$expected$ ]] && break
        tries=$((tries - 1))
        if [ "$tries" -eq 0 ]; then
            echo "$status is not $expected: $*: $(cat "$work/body")" >&2
            exit 1
        fi
        sleep 0.1
    done
    cat "$work/body"
}
run_http() {
    command http --ignore-stdin --print=hb "$@" >"$work/answer"
    sed '1,/^\r*$/d' "$work/answer" >"$work/body"
    sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' "$work/answer"
}
run_curl() { command curl --silent --show-error --output "$work/body" --write-out '%{http_code}' "$@"; }
http() { expect run_http "$@"; }
curl() { expect run_curl "$@"; }
"#;

/// The commands in blocks of `sh` of a chapter.
fn commands(page: &str, chapter: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (_, after) = text.split_once(&format!("\n## {chapter}\n")).unwrap();
    let chapter = after.split("\n## ").next().unwrap();
    let blocks = chapter.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// The status that each call of a client must have: the number that its comment begins with, or success.
fn expected(commands: &str) -> Vec<String> {
    let joined = commands.replace("\\\n", " ");
    let calls = joined.lines().flat_map(|line| {
        let (command, comment) = line.split_once("  # ").unwrap_or((line, ""));
        let digits: String =
            comment.trim_start_matches(['#', ' ']).chars().take_while(char::is_ascii_digit).collect();
        let status = if digits.len() == 3 { digits } else { "20[0-9]".to_owned() };
        let calls = ["http", "curl"].map(|client| {
            let starts = command.starts_with(&format!("{client} ")) as usize;
            starts + command.matches(&format!("$({client} ")).count()
        });
        std::iter::repeat_n(status, calls.iter().sum())
    });
    calls.collect()
}

async fn can_be_repeated(fleet: &Fleet, commands: &str, fewest: usize) {
    let expected = expected(commands);
    assert!(expected.len() >= fewest, "{commands}");
    let work = fleet.data_dir.with_file_name("clients");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("expected"), expected.join("\n")).unwrap();
    let commands = commands.replace(GATEWAY, &format!("http://localhost:{}", fleet.port_base + 8));
    for time in 1..=2 {
        // Each of the many commands starts Python, which takes seconds on a busy machine.
        let mut bash = Command::new("timeout");
        bash.args(["600", "bash", "-c", &format!("{CLIENTS}\n{commands}"), "bash"]);
        bash.arg(&work).env("HOME", &work).stdin(Stdio::null());
        let done = spawn_blocking(move || bash.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "run {time} of\n{commands}\n{done:?}");
        let calls = std::fs::read_to_string(work.join("count")).unwrap();
        assert_eq!(calls.trim(), expected.len().to_string(), "{commands}");
    }
}

#[test]
fn statuses_of_the_examples_are_read() {
    let text = "movie=\"soul\"  # 404 no call\nid=$(http POST a | jq .id)    # 201\nhttp a/1\ncurl -X PATCH a \\\n  -d b  # 409: no\n";
    assert_eq!(expected(text), ["201", "20[0-9]", "409"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_the_readme_can_be_repeated() {
    if std::env::var("MARQUEE_TEST_CLIENTS").as_deref() != Ok("1") {
        return;
    }
    let fleet = Fleet::up().await;
    can_be_repeated(&fleet, &commands("README.md", "Book a movie"), 15).await;
    can_be_repeated(&fleet, &commands("README.ko.md", "영화 예매"), 15).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_the_launcher_prints_can_be_repeated() {
    if std::env::var("MARQUEE_TEST_CLIENTS").as_deref() != Ok("1") {
        return;
    }
    let mut fleet = Fleet::up().await;
    let output = fleet.launcher().output();
    let typed = ["movie=", "id=", "http ", "curl "];
    let commands = output
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| typed.iter().any(|start| line.starts_with(start)));
    let commands = commands.collect::<Vec<_>>().join("\n");
    can_be_repeated(&fleet, &commands, 7).await;
}
