//! Unreachable backends, and backends that refuse a login: one clear line, and an accurate readiness.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::{Value, json};
use storage::{DatabaseUrl, Db, Settings, query, query_built};
use uuid::Uuid;

use crate::fleet::{Fleet, READY, Started, free_port_base, marquee, run};
use crate::wait::until;

/// A log that contains each failed attempt too.
const ATTEMPTS: &str = "info,telemetry=debug";

/// Runs `marquee service ticket` on backends that make it fail, and returns its exit code and its one line.
async fn refused(environment: &[(&str, &str)]) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let port_base = free_port_base().to_string();
    let mut command =
        marquee(["service", "ticket", "--data-dir", data_dir, "--port-base", port_base.as_str()]);
    command.envs(environment.iter().copied());
    let (code, output) = run(command).await;
    assert_eq!(output.lines().count(), 1, "{environment:?}: {output}");
    assert!(!output.contains("s3cret"), "{output}");
    (code, output)
}

/// Servers that require a password: PostgreSQL, Kafka, and the password.
fn servers() -> Option<(String, String, String)> {
    let names = ["TEST_POSTGRES_SECURED", "TEST_KAFKA_SASL_PLAINTEXT", "TEST_PASSWORD"];
    let [postgres, kafka, password] = names.map(|name| std::env::var(name).ok());
    let servers = postgres.and_then(|postgres| Some((postgres, kafka?, password?)));
    if servers.is_none() {
        assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "see .ci/backends");
        println!("left out: no servers that require a password (see .ci/backends)");
    }
    servers
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_database_is_reported_in_one_line() {
    for (prefix, code, expected) in [
        ("postgres://me:s3cret@127.0.0.1:1/", 1, "postgres://me@127.0.0.1:1/ticket of DATABASE_URL"),
        ("postgres://me:s3cret@127.0.0.1:1/", 1, "no server listens on 127.0.0.1:1"),
        ("postgres://me:s3cret@no.such.invalid/", 1, "host no.such.invalid cannot be resolved"),
        ("sqlite:///nowhere/at/all/", 1, "sqlite:///nowhere/at/all/ticket of DATABASE_URL"),
        ("sqlite:///nowhere/at/all/", 1, "the directory /nowhere/at/all does not exist: create it for user "),
        ("mysql://me:s3cret@host/", 64, "DATABASE_URL (--database-url): invalid: must start with"),
        ("postgres://me:s3cret@host/?sslmode=maybe", 64, "DATABASE_URL (--database-url): invalid: "),
    ] {
        let (exit_code, line) = refused(&[("DATABASE_URL_PREFIX", prefix)]).await;
        assert!(line.contains(expected), "{prefix}: {line}");
        assert_eq!(exit_code, code, "{line}");
    }
}

/// Runs `marquee service ticket` on files, as a user whom the permissions of the system bind, and returns its
/// last line. Root is bound without the capabilities to override them.
async fn refused_files(environment: &[(&str, &str)]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let port_base = free_port_base().to_string();
    let data_dir = directory.path().to_str().unwrap();
    let mut command =
        marquee(["service", "ticket", "--data-dir", data_dir, "--port-base", port_base.as_str()]);
    if rustix::process::geteuid().is_root() {
        let mut bound = Command::new("setpriv");
        bound.arg("--bounding-set=-dac_override,-dac_read_search").arg(command.get_program());
        bound.args(command.get_args()).env_clear().stdin(Stdio::null());
        command = bound;
    }
    command.envs(environment.iter().copied());
    let (code, output) = run(command).await;
    assert_eq!(code, 1, "{output}");
    output.lines().last().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn directory_that_cannot_be_written_is_named_with_its_owner_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let closed = directory.path().join("volume");
    std::fs::create_dir(&closed).unwrap();
    let user = std::fs::metadata(&closed).unwrap().uid();
    let shown = closed.display().to_string();
    let refused_for = |owner: u32, mode: &str, remedy: &str| {
        format!(
            "user {user} may not write to the directory {shown}, which belongs to user {owner} and has mode {mode}: \
             run {remedy}, or use another volume"
        )
    };
    std::fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
    let expected = refused_for(user, "0555", &format!("`chmod u+rwX {shown}`"));
    let database = format!("sqlite://{shown}/");
    let line = refused_files(&[("DATABASE_URL_PREFIX", &database)]).await;
    assert!(line.contains(&format!("{database}ticket of DATABASE_URL")), "{line}");
    assert!(line.contains(&expected), "{line}");

    let events = format!("sqlite://{shown}/events.db");
    let line = refused_files(&[("EVENTS_URL", &events)]).await;
    assert!(line.contains(&format!("the event log {events} of EVENTS_URL")), "{line}");
    assert!(line.contains(&expected), "{line}");

    // Only root can give a directory to another user.
    if user == 0 {
        std::fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::chown(&closed, Some(12_345), None).unwrap();
        let line = refused_files(&[("DATABASE_URL_PREFIX", &database)]).await;
        let expected = refused_for(12_345, "0755", &format!("`chown 0 {shown}` as root"));
        assert!(line.contains(&expected), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn file_of_another_owner_is_named_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ticket");
    std::fs::write(&file, []).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
    let prefix = format!("sqlite://{}/", directory.path().display());
    let line = refused_files(&[("DATABASE_URL_PREFIX", &prefix)]).await;
    assert!(line.contains(&format!("may not write to the file {}", file.display())), "{line}");
    assert!(line.contains("has mode 0444"), "{line}");
}

#[cfg(not(feature = "tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn binary_without_tls_reports_how_to_build_with_tls() {
    for (variable, value) in [
        ("DATABASE_URL_PREFIX", "postgres://me:s3cret@host/?sslmode=verify-full"),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
    ] {
        let (code, line) = refused(&[(variable, value), ("EVENTS_URL", "kafka://127.0.0.1:1/movie")]).await;
        assert_eq!(code, 64, "{line}");
        assert!(line.contains(variable.trim_end_matches("_PREFIX")), "{line}");
        assert!(line.trim_end().ends_with("build with --features tls"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_login_at_postgres_is_reported_in_one_line() {
    let Some((postgres, _, password)) = servers() else { return };
    for (login, expected) in [
        ("secured:s3cret", "the server rejects the password of user secured".to_owned()),
        (&format!("secured:{password}"), "database missing_ticket does not exist on the server".to_owned()),
    ] {
        let prefix = format!("postgres://{login}@{postgres}/missing_");
        let (code, line) = refused(&[("DATABASE_URL_PREFIX", &prefix)]).await;
        assert_eq!(code, 1, "{line}");
        assert!(line.contains(&expected) && !line.contains(&password), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn launcher_reports_a_database_that_it_cannot_create_in_one_line() {
    let mut fleet = Fleet::nothing_but_files().await;
    let up = fleet.start(["up"], &[("DATABASE_URL_PREFIX", "postgres://me:s3cret@127.0.0.1:1/")]);
    assert_eq!(up.exit_code().await, 1);
    let output = up.output();
    assert_eq!(output.lines().count(), 1, "{output}");
    assert!(
        output.contains("postgres://me@127.0.0.1:1/book of book (--database-url-prefix): no server listens"),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_newer_than_the_program_is_reported_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let prefix = format!("sqlite://{}/", directory.path().display());
    let environment = [("DATABASE_URL_PREFIX", prefix.as_str())];
    let mut service = Service::start(&environment);
    service.ready().await;
    drop(service);
    let url: DatabaseUrl = format!("{prefix}ticket").parse().unwrap();
    let db = Db::open(&url, Settings::default()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', 1, X'00', 0)";
    tx.execute(query(newer)).await.unwrap();
    tx.commit().await.unwrap();
    let (code, line) = refused(&environment).await;
    assert_eq!(code, 1, "{line}");
    assert!(
        line.contains("the schema is newer than this program, which does not know migration 9999"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_broker_is_logged_once_and_the_service_is_ready() {
    let mut service = Service::start(&[("EVENTS_URL", "kafka://127.0.0.1:1/movie"), ("RUST_LOG", ATTEMPTS)]);
    service.event_log_is_down("no broker answers (EVENTS_URL): 127.0.0.1:1").await;
    service.operations_fail(2, "event log").await;
    service.logs_one_outage("event log", "no broker answers (EVENTS_URL): 127.0.0.1:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_database_is_logged_once_for_all_tasks_and_when_it_works_again() {
    let mut service = Service::start(&[("RUST_LOG", ATTEMPTS)]);
    service.ready().await;
    let db = service.database().await;
    let rename = async |from: &str, to: &str| {
        let mut tx = db.begin().await.unwrap();
        tx.execute(query_built(format!("ALTER TABLE {from} RENAME TO {to}"))).await.unwrap();
        tx.commit().await.unwrap();
    };
    rename("outbox", "no_outbox").await;
    rename("tickets", "no_tickets").await;
    service.operations_fail(3, "database").await;
    service.logs_one_outage("database", "");
    rename("no_outbox", "outbox").await;
    rename("no_tickets", "tickets").await;
    let over = until("the end of the outage", async || {
        let mut lines = service.lines().into_iter();
        lines
            .find(|line| line["message"] == "a dependency works again")
            .ok_or_else(|| service.process.output())
    })
    .await;
    assert_eq!((&over["dependency"], &over["level"]), (&json!("database"), &json!("INFO")));
    service.logs_one_outage("database", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_service_is_logged_once_however_often_the_breaker_opens() {
    let mut service = Service::start_as(
        Process::Book,
        &[
            ("RUST_LOG", ATTEMPTS),
            ("PAYMENT_BREAKER_MINIMUM_NUMBER_OF_CALLS", "2"),
            ("PAYMENT_BREAKER_WAIT_DURATION_IN_OPEN_STATE_MS", "50"),
            ("PAYMENT_BREAKER_PERMITTED_NUMBER_OF_CALLS_IN_HALF_OPEN_STATE", "1"),
        ],
    );
    service.ready().await;
    let of_payment = |level: &str| {
        let lines = service.lines().into_iter();
        lines.filter(|line| line["dependency"] == "payment" && line["level"] == level).collect::<Vec<_>>()
    };
    until("the breaker to open again and again", async || {
        service.rest.send(Method::POST, "/books", Some(&json!({ "movieName": "soul" }))).await.unwrap();
        if of_payment("DEBUG").len() >= 3 { Ok(()) } else { Err(service.process.output()) }
    })
    .await;
    let alarms = of_payment("WARN");
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    assert!(alarms[0]["cause"].as_str().unwrap().contains("the circuit breaker is open"), "{}", alarms[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_for_a_database_is_logged_once() {
    // A single attempt takes two seconds.
    let mut service = Service::start(&[
        ("DATABASE_URL_PREFIX", "postgres://me:s3cret@127.0.0.1:1/"),
        ("DATABASE_WAIT_MS", "5000"),
    ]);
    assert_eq!(service.process.exit_code().await, 1);
    service.logs_one_outage("database", "no server listens on 127.0.0.1:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_login_at_kafka_is_logged_once_and_shown_by_readiness() {
    let Some((_, kafka, _)) = servers() else { return };
    let mut service = Service::start(&[
        ("EVENTS_URL", &format!("kafka://{kafka}/movie")),
        ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("KAFKA_SASL_MECHANISM", "PLAIN"),
        ("KAFKA_SASL_USERNAME", "marquee"),
        ("KAFKA_SASL_PASSWORD", "s3cret"),
        ("RUST_LOG", ATTEMPTS),
    ]);
    service
        .event_log_is_down("the brokers refuse the login (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)")
        .await;
    service.operations_fail(2, "event log").await;
    service.logs_one_outage("event log", "the brokers refuse the login");
    assert!(!service.process.output().contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_servers_are_never_shown() {
    let Some((postgres, kafka, password)) = servers() else { return };
    let mut fleet = Fleet::nothing_but_files().await;
    let id = Uuid::now_v7().simple();
    let launcher = fleet.start(
        ["up"],
        &[
            ("DATABASE_URL_PREFIX", &format!("postgres://secured:{password}@{postgres}/test_{id}_")),
            ("EVENTS_URL", &format!("kafka://{kafka}/test-{id}")),
            ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
            ("KAFKA_SASL_MECHANISM", "PLAIN"),
            ("KAFKA_SASL_USERNAME", "marquee"),
            ("KAFKA_SASL_PASSWORD", &password),
        ],
    );
    launcher.prints(READY).await;
    for process in [Process::Book, Process::Ticket, Process::Payment, Process::Point, Process::Mypage] {
        let service = fleet.service(process);
        until(&format!("all of {process} to be up"), async || {
            let answer = service.get("/readyz").await.map_err(|error| error.to_string())?;
            let is_up = |component: &str| answer.body["components"][component]["status"] == "UP";
            if is_up("db") && is_up("eventLog") { Ok(()) } else { Err(answer.body.to_string()) }
        })
        .await;
        let command_line = std::fs::read(format!("/proc/{}/cmdline", fleet.pid(process))).unwrap();
        assert!(!String::from_utf8_lossy(&command_line).contains(&password));
    }
    assert!(!fleet.launcher().output().contains(&password));
}

/// A single service process with its own data directory.
struct Service {
    process: Started,
    rest: marquee::rest::Rest,
    directory: tempfile::TempDir,
}

impl Service {
    fn start(environment: &[(&str, &str)]) -> Self {
        Self::start_as(Process::Ticket, environment)
    }

    fn start_as(process: Process, environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port_base = free_port_base();
        let mut command =
            marquee(["service", process.name(), "--data-dir", directory.path().to_str().unwrap()]);
        command.args(["--port-base", &port_base.to_string()]).envs(environment.iter().copied());
        let url = format!("http://127.0.0.1:{}", process.port(port_base));
        Self { process: Started::spawn(command), rest: marquee::rest::Rest::new(&url), directory }
    }

    /// Waits for its readiness, which must be 200.
    async fn ready(&mut self) -> Value {
        until("a service to be ready", async || match self.rest.get("/readyz").await {
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => panic!("{}: {}", answer.status, answer.body),
            Err(error) => Err(format!("{error}: {}", self.process.output())),
        })
        .await
    }

    async fn event_log_is_down(&mut self, detail: &str) {
        until(detail, async || {
            let readiness = self.ready().await;
            assert_eq!(readiness["components"]["db"], json!({"status": "UP"}));
            let event_log = &readiness["components"]["eventLog"];
            assert_eq!(event_log["status"], "DOWN", "{readiness}");
            let shown = event_log["detail"].as_str().unwrap();
            if shown.contains(detail) { Ok(()) } else { Err(shown.to_owned()) }
        })
        .await;
    }

    async fn database(&self) -> Db {
        let file = self.directory.path().join("ticket.db");
        let url: DatabaseUrl = format!("sqlite://{}", file.display()).parse().unwrap();
        Db::open(&url, Settings::default()).await.unwrap()
    }

    /// Its log lines. The other output is not JSON.
    fn lines(&self) -> Vec<Value> {
        self.process.output().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until that many operations have failed because of `dependency`, after its outage was logged.
    async fn operations_fail(&self, count: usize, dependency: &str) {
        until("several operations to fail", async || {
            let lines = self.lines();
            let failed = lines.iter().filter(|line| line["dependency"] == dependency);
            let operations: BTreeSet<u64> = failed.filter_map(|line| line["operation"].as_u64()).collect();
            if operations.len() >= count { Ok(()) } else { Err(self.process.output()) }
        })
        .await;
    }

    /// Asserts that the only warning is the one about `dependency`, and names its `cause`.
    fn logs_one_outage(&self, dependency: &str, cause: &str) {
        let lines = self.lines();
        let is_alarm = |line: &&Value| line["level"] == "WARN" || line["level"] == "ERROR";
        let alarms: Vec<&Value> = lines.iter().filter(is_alarm).collect();
        assert_eq!(alarms.len(), 1, "{}", self.process.output());
        assert_eq!(alarms[0]["dependency"], dependency, "{}", alarms[0]);
        let logged = alarms[0]["cause"].as_str().unwrap();
        assert!(!logged.is_empty() && logged.contains(cause), "{}", alarms[0]);
    }
}
