//! `marquee up` and `marquee service`: starting, stopping, and failures.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use marquee::data_dir::DataDir;
use marquee::fleet::Process;
use reqwest::Method;
use rustix::process::{Signal, geteuid};
use serde_json::json;

use crate::fleet::{Fleet, READY, Started, free_port_base, gone, is_running, marquee, run, send};
use crate::wait::until;

#[tokio::test(flavor = "multi_thread")]
async fn ready_fleet_prints_its_addresses_and_commands_to_paste() {
    let mut fleet = Fleet::up().await;
    let output = fleet.launcher().output();
    let at = |process: Process| format!("http://localhost:{}", process.port(fleet.port_base));
    for process in Process::ALL {
        assert!(output.contains(&at(process)), "{process}: {output}");
    }
    let gateway = at(Process::Gateway);
    for line in [
        format!("{gateway}/docs"),
        format!("http PATCH {gateway}/tickets/$id status=\"Printed\""),
        format!("http {gateway}/books/$id"),
        format!("http {gateway}/mypages/$id"),
        format!(
            "siege -c50 -t60S --content-type \"application/json\" '{gateway}/books POST {{\"qty\":\"3\"}}'"
        ),
    ] {
        assert!(output.contains(&format!("  {line}\n")), "{line}: {output}");
    }
    for process in Process::ALL {
        fleet.ready(process).await;
        assert!(is_running(fleet.pid(process)), "{process}");
    }
    let docs = fleet.rest.get("/docs").await.unwrap();
    assert!([200, 303, 307, 308].contains(&docs.status), "{docs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_logged_and_only_warnings_are_on_the_terminal() {
    let mut fleet = Fleet::up().await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 201);
    let log = fleet.data_dir.join("logs/book.log");
    until("the request in the log", async || {
        let log = std::fs::read_to_string(&log).unwrap();
        let is_logged = log.contains(r#""url.path":"/books","http.response.status_code":201"#);
        if is_logged { Ok(()) } else { Err(log) }
    })
    .await;
    let output = fleet.launcher().output();
    let of_a_process =
        |line: &&str| Process::ALL.iter().any(|process| line.starts_with(&format!("{process:9} | ")));
    assert!(
        output.lines().filter(of_a_process).all(|line| line.contains("WARN") || line.contains("ERROR")),
        "{output}"
    );
    assert!(output.starts_with("marquee   | starting; the log files are in "), "{output}");

    // Book warns when its payment service is gone.
    fleet.kill(Process::Payment).await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 202);
    fleet.launcher().prints("payment (process ").await;
    assert!(!fleet.launcher().output().contains("POST /books 202"), "{}", fleet.launcher().output());
}

#[tokio::test(flavor = "multi_thread")]
async fn verbose_launcher_prefixes_and_prints_the_output_of_the_processes() {
    let mut fleet = Fleet::nothing().await;
    fleet.start(["up", "--verbose"], &[]).prints(READY).await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 201);
    fleet.launcher().prints("book      | ").await;
    fleet.launcher().prints("POST /books 201").await;
    for process in Process::ALL {
        let file = fleet.data_dir.join("logs").join(format!("{process}.log"));
        let log = std::fs::read_to_string(file).unwrap();
        assert!(!log.is_empty() && !log.contains('\u{1b}'), "{process}: {log}");
    }
    assert!(!fleet.launcher().output().contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_all_processes() {
    stops_on(Signal::INT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_stops_all_processes() {
    stops_on(Signal::TERM).await;
}

async fn stops_on(signal: Signal) {
    let mut fleet = Fleet::nothing().await;
    fleet.start(["up", "--verbose"], &[]).prints(READY).await;
    let pids = fleet.pids();
    let launcher = fleet.launcher();
    send(launcher.pid(), signal);
    assert_eq!(launcher.exit_code().await, 0, "{}", launcher.output());
    let output = launcher.output();
    assert!(!output.contains("killed") && !output.contains("killing"), "{output}");
    // They stop one after the other: each logs its stop before the next one does.
    let stopped: Vec<&str> = output
        .lines()
        .filter(|line| line.contains("stopping: "))
        .filter_map(|line| line.split(" |").next())
        .map(str::trim)
        .collect();
    assert_eq!(stopped, Process::STOP_ORDER.map(Process::name), "{output}");
    for pid in pids {
        assert!(!is_running(pid));
    }
    for process in Process::ALL {
        assert!(!fleet.pid_file(process).exists(), "{process}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_ctrl_c_kills_processes_that_do_not_stop() {
    let mut fleet = Fleet::up().await;
    let pids = fleet.pids();
    send(fleet.pid(Process::Gateway), Signal::STOP);
    let launcher = fleet.launcher();
    send(launcher.pid(), Signal::INT);
    launcher.prints("stopping").await;
    send(launcher.pid(), Signal::INT);
    assert_eq!(launcher.exit_code().await, 130, "{}", launcher.output());
    for pid in pids {
        assert!(!is_running(pid));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn second_fleet_on_the_same_data_is_refused() {
    let mut fleet = Fleet::up().await;
    let pid = fleet.launcher().pid();
    let data_dir = fleet.data_dir.display().to_string();
    let in_use = format!("marquee: the data directory {data_dir} is in use: ");
    let stop = format!("; stop it with: marquee stop --data-dir {data_dir}\n");

    let second = marquee(["up"].iter().map(ToString::to_string).chain(fleet.flags()));
    let line = format!("{in_use}fleet runs on it as process {pid}{stop}");
    assert_eq!(run(second).await, (1, line));

    let pid = fleet.pid(Process::Ticket);
    let alone = marquee(["service", "ticket"].iter().map(ToString::to_string).chain(fleet.flags()));
    let line = format!("{in_use}ticket runs on it as process {pid}{stop}");
    assert_eq!(run(alone).await, (1, line));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fleets_run_side_by_side() {
    let fleet = Fleet::up().await;
    let directory = tempfile::tempdir().unwrap();
    let other_base = free_port_base();
    let mut other = Started::spawn(marquee([
        "up".to_owned(),
        "--data-dir".to_owned(),
        directory.path().display().to_string(),
        "--port-base".to_owned(),
        other_base.to_string(),
    ]));
    other.prints(READY).await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 201);
    let other_rest = marquee::rest::Rest::new(&format!("http://127.0.0.1:{}", other_base + 8));
    assert_eq!(other_rest.count("/books").await.unwrap(), 0);
    send(other.pid(), Signal::TERM);
    assert_eq!(other.exit_code().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_port_is_named() {
    let mut fleet = Fleet::nothing().await;
    let port = Process::Ticket.port(fleet.port_base);
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let launcher = fleet.start(["up"], &[]);
    assert_eq!(launcher.exit_code().await, 1);
    let line = launcher.output();
    assert!(line.starts_with(&format!("marquee: cannot listen on 127.0.0.1:{port} for ticket")), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_that_is_not_writable_is_named() {
    let mut fleet = Fleet::nothing().await;
    // Not even root can create a directory below a file.
    std::fs::write(&fleet.data_dir, "a file").unwrap();
    fleet.data_dir.push("data");
    let path = fleet.data_dir.display().to_string();
    for command in [&["up"][..], &["service", "book"]] {
        let words = command.iter().map(ToString::to_string).chain(fleet.flags());
        let (code, line) = run(marquee(words)).await;
        assert_eq!(code, 1);
        let expected = format!("marquee: cannot write to the data directory {path}: Not a directory");
        assert!(line.starts_with(&expected), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_a_fleet_is_private_with_any_umask() {
    let mut fleet = Fleet::nothing_but_files().await;
    let mut shell = Command::new("bash");
    shell.args(["-c", r#"umask 0; exec "$0" "$@""#, env!("CARGO_BIN_EXE_marquee"), "up"]).args(fleet.flags());
    let mut launcher = Started::spawn(shell);
    for process in Process::ALL {
        fleet.ready(process).await;
    }
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 201);
    let mut seen = Vec::new();
    let mut directories = vec![fleet.data_dir.clone()];
    while let Some(directory) = directories.pop() {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                assert_eq!(mode(&path), 0o600, "{}", path.display());
                seen.push(path.strip_prefix(&fleet.data_dir).unwrap().display().to_string());
            }
        }
    }
    for name in [
        "book.db",
        "book.db-wal",
        "events.db",
        "run/book.pid",
        "run/fleet.lock",
        "run/fleet.json",
        "logs/book.log",
    ] {
        assert!(seen.iter().any(|path| path == name), "{name}: {seen:?}");
    }
    send(launcher.pid(), Signal::TERM);
    assert_eq!(launcher.exit_code().await, 0);

    // The next start removes the wider permissions of an older version.
    for path in [fleet.data_dir.clone(), fleet.data_dir.join("book.db"), fleet.data_dir.join("logs/book.log")]
    {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode(&path) | 0o055);
        std::fs::set_permissions(&path, permissions).unwrap();
    }
    fleet.up_again().await;
    assert_eq!(mode(&fleet.data_dir), 0o700);
    assert_eq!(mode(&fleet.data_dir.join("book.db")), 0o600);
    assert_eq!(mode(&fleet.data_dir.join("logs/book.log")), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_behind_a_link_or_of_another_user_is_refused_by_every_command() {
    let mut fleet = Fleet::nothing_but_files().await;
    let target = fleet.data_dir.with_file_name("target");
    DataDir::open(&target).unwrap();
    for file in ["book.db", "events.db"] {
        std::fs::write(target.join(file), "").unwrap();
    }
    std::os::unix::fs::symlink(&target, &fleet.data_dir).unwrap();
    let commands = [&["up"][..], &["service", "book"], &["audit"], &["dlq", "list"]];
    let refused = async |fleet: &Fleet, reason: String| {
        for command in commands {
            let mut words = marquee(command);
            words.arg("--data-dir").arg(&fleet.data_dir);
            let (code, line) = run(words).await;
            assert_eq!(code, 1, "{line}");
            assert!(line.starts_with(&format!("marquee: {} {reason}", fleet.data_dir.display())), "{line}");
            assert_eq!(line.lines().count(), 1, "{line}");
        }
    };
    refused(&fleet, "is a symbolic link".to_owned()).await;

    if geteuid().is_root() {
        fleet.data_dir = target;
        std::os::unix::fs::chown(&fleet.data_dir, Some(61_234), None).unwrap();
        refused(&fleet, "belongs to user 61234, and this process runs as user 0; ".to_owned()).await;
    }
}

fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&std::fs::symlink_metadata(path).unwrap().permissions()) & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn data_directory_may_have_any_name() {
    let mut fleet = Fleet::nothing().await;
    fleet.data_dir.set_file_name("our data? 100% #1 영화");
    fleet.up_again().await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().status, 201);
    assert!(fleet.data_dir.join("logs/book.log").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_process_is_reported_with_the_command_that_restarts_it() {
    let mut fleet = Fleet::up().await;
    let pid = fleet.pid(Process::Ticket);
    fleet.kill(Process::Ticket).await;
    let report = format!("ticket (process {pid}) ended with signal: 9 (SIGKILL)");
    fleet.launcher().prints(&report).await;
    fleet.launcher().prints("To start it again:").await;
    for process in Process::ALL.into_iter().filter(|process| *process != Process::Ticket) {
        fleet.ready(process).await;
    }

    let output = fleet.launcher().output();
    let line = output.lines().find(|line| line.contains(" service ticket ")).unwrap();
    let typed = line.trim_start_matches("marquee   |").trim();
    let mut alone = Command::new("bash");
    alone.args(["-c", &format!("exec {typed}")]).stdin(std::process::Stdio::null());
    let mut alone = Started::spawn(alone);
    fleet.ready(Process::Ticket).await;
    assert_eq!(fleet.pid(Process::Ticket), alone.pid());

    // The launcher stops only the processes that it has started.
    let launcher = fleet.launcher();
    send(launcher.pid(), Signal::TERM);
    assert_eq!(launcher.exit_code().await, 0);
    assert!(launcher.output().contains("ticket was not started by this launcher"), "{}", launcher.output());
    assert!(is_running(alone.pid()));
    send(alone.pid(), Signal::TERM);
    assert_eq!(alone.exit_code().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn launcher_ends_with_1_when_no_process_is_left() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Ticket).await;
    fleet.start_alone(Process::Ticket).await;
    for process in Process::ALL.into_iter().filter(|process| *process != Process::Ticket) {
        fleet.kill(process).await;
    }
    // A process that was started alone keeps the launcher running.
    fleet.launcher().prints("mypage (process ").await;
    assert_eq!(fleet.launcher().ended(), None, "{}", fleet.launcher().output());
    fleet.kill(Process::Ticket).await;
    let launcher = fleet.launcher();
    assert_eq!(launcher.exit_code().await, 1, "{}", launcher.output());
    assert!(launcher.output().contains("no process is left, so the launcher ends"), "{}", launcher.output());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_stop_when_the_launcher_is_killed() {
    let mut fleet = Fleet::up().await;
    let pids = fleet.pids();
    fleet.launcher().kill();
    for pid in pids {
        gone(pid).await;
    }
    // They have stopped in an orderly way, so they have removed their files.
    for process in Process::ALL {
        assert!(!fleet.pid_file(process).exists(), "{process}");
    }
    fleet.up_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_terminal_does_not_stop_the_fleet() {
    let mut fleet = Fleet::nothing().await;
    // `head` reads one line and ends, which closes the reading end of the launcher's output.
    let script = r#""$0" "$@" | head -1; wait"#;
    let mut shell = Command::new("bash");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_marquee"), "up"]).args(fleet.flags());
    let mut shell = Started::spawn(shell);
    for process in Process::ALL {
        fleet.ready(process).await;
    }
    let order = json!({ "movieName": "soul" });
    for _ in 0..50 {
        let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await;
        assert_eq!(answer.unwrap().status, 201);
    }
    let pids = fleet.pids();
    send(parent(pids[0]), Signal::TERM);
    for pid in pids {
        gone(pid).await;
    }
    shell.exit_code().await;
    fleet.up_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_setting_is_named_and_exits_64() {
    let mut fleet = Fleet::nothing().await;
    let wrong = [("PAYMENT_LATENCY_MS", "x")];
    let alone = fleet.start(["service", "processor"], &wrong);
    assert_eq!(alone.exit_code().await, 64);
    let line = alone.output();
    assert!(line.starts_with("configuration error: PAYMENT_LATENCY_MS"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");

    let launcher = fleet.start(["up"], &wrong);
    assert_eq!(launcher.exit_code().await, 64);
    assert!(launcher.output().contains("PAYMENT_LATENCY_MS"), "{}", launcher.output());
    for process in Process::ALL {
        assert!(!fleet.pid_file(process).exists(), "{process}");
    }

    let launcher = fleet.start(["up"], &[("LOG_FORMAT", "xml")]);
    assert_eq!(launcher.exit_code().await, 64);
    assert!(launcher.output().contains("LOG_FORMAT"), "{}", launcher.output());

    assert_eq!(run(marquee(["up", "--port-base", "abc"])).await.0, 64);
    assert_eq!(run(marquee(["service", "popcorn"])).await.0, 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_processes_come_from_the_environment() {
    let mut fleet = Fleet::nothing().await;
    let launcher = fleet.start(["up"], &[("NAME", "Lumiere"), ("PORT", "1")]);
    launcher.prints(READY).await;
    let answer = fleet.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await;
    assert_eq!(answer.unwrap().body["name"], "Lumiere");
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_gets_the_provider_url_and_the_fleet_id() {
    let fleet = Fleet::up().await;
    let id = std::fs::read_to_string(fleet.data_dir.join("fleet-id")).unwrap();
    let settings_of = |pid: i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        let variables = String::from_utf8(environment).unwrap();
        let of = |name: &str| {
            variables.split('\0').find_map(|one| one.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        (of("FLEET_ID"), of("PROCESSOR_URL"))
    };
    let url = format!("http://127.0.0.1:{}", Process::Processor.port(fleet.port_base));
    let expected = (Some(id.trim().to_owned()), Some(url));
    assert_eq!(settings_of(fleet.pid(Process::Payment)), expected);
    // No other process gets them.
    assert_eq!(settings_of(fleet.pid(Process::Book)), (None, None));

    // A process that is started alone gets them too.
    let mut fleet = fleet;
    fleet.stop(Process::Payment).await;
    fleet.start_alone(Process::Payment).await;
    assert_eq!(settings_of(fleet.pid(Process::Payment)), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_has_a_ledger_that_the_gateway_does_not_serve() {
    let fleet = Fleet::up().await;
    let provider = fleet.service(Process::Processor);
    let charge = json!({ "amount": 700, "currency": "KRW" });
    let answer = provider.send(Method::PUT, "/v1/payments/a", Some(&charge)).await.unwrap();
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("succeeded")));
    let ledger = provider.get("/v1/ledger").await.unwrap().body;
    assert_eq!(
        ledger["movements"].as_array().unwrap().iter().filter(|one| one["reference"] == "a").count(),
        1
    );
    for path in ["/v1/ledger", "/v1/payments/a"] {
        assert_eq!(fleet.rest.get(path).await.unwrap().status, 404, "{path}");
    }
}

/// The process that started `pid`.
fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    after_name.split(' ').nth(1).unwrap().parse().unwrap()
}
