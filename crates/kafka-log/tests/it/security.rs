//! Brokers that require a login or TLS, and wrong settings.
//!
//! The tests of TLS need `--features tls`, which the gate uses.

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use event_log::{SeedTimeZone, Transport, TransportError};
use events::TOPIC;
use kafka_log::{KafkaConnection, KafkaLog, KafkaSecurity, KafkaUrl};
use tokio::time::sleep;
use uuid::Uuid;

use crate::records::{read, records};
use crate::topic::PARTITIONS;

/// Much longer than a broker needs for a refusal.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    security: KafkaSecurity,
}

fn security(flags: &[&str]) -> KafkaSecurity {
    Settings::try_parse_from(["kafka-log"].iter().chain(flags)).unwrap().security
}

/// The log at `url`, with the settings of `flags`.
///
/// # Errors
///
/// The setting that is wrong.
fn open(url: &str, flags: &[&str]) -> Result<Arc<dyn Transport>, TransportError> {
    let (url, security) = (KafkaUrl::parse(url).unwrap(), security(flags));
    let connection = KafkaConnection { url, group_instance_id: None, security };
    Ok(Arc::new(KafkaLog::new(connection, PARTITIONS, SeedTimeZone::default())?))
}

/// The servers of `.ci/backends`.
struct Servers {
    topic: String,
}

impl Servers {
    /// Returns the servers, or `None` if they are not up, which is an error in the gate.
    fn up() -> Option<Self> {
        if std::env::var_os("TEST_PASSWORD").is_none() {
            assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "see .ci/backends");
            println!("skipped: no broker requires a password (see .ci/backends)");
            return None;
        }
        Some(Self { topic: format!("test-{}", Uuid::now_v7().simple()) })
    }

    fn open(&self, listener: &str, flags: &[&str]) -> Arc<dyn Transport> {
        open(&format!("kafka://{}/{}", env(listener), self.topic), flags).unwrap()
    }

    /// Logs in with a password in plain text.
    fn login(&self, user: &str, password: &str) -> Arc<dyn Transport> {
        let flags = ["--kafka-security-protocol", "SASL_PLAINTEXT", "--kafka-sasl-mechanism", "plain"];
        let login = ["--kafka-sasl-username", user, "--kafka-sasl-password", password];
        self.open("TEST_KAFKA_SASL_PLAINTEXT", &[flags, login].concat())
    }

    /// Grants the user `stranger` the permissions of `flags`.
    fn permit(&self, flags: &[&str]) {
        let url = env("TEST_KAFKA_URL");
        let (broker, _) = url.strip_prefix("kafka://").unwrap().split_once('/').unwrap();
        let output = Command::new("java")
            .args(["-cp", &format!("{}/*", env("TEST_KAFKA_JARS")), "org.apache.kafka.tools.AclCommand"])
            .args(["--bootstrap-server", broker, "--add", "--allow-principal", "User:stranger"])
            .args(flags)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn env(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!(".ci/backends env sets {variable}"))
}

/// Waits until `transport` reports a fault that contains `expected`.
async fn reports(transport: &dyn Transport, expected: &str) {
    let began = Instant::now();
    loop {
        let state = transport.check();
        if state.as_ref().is_err_and(|detail| detail.contains(expected)) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "expected {expected}, got {state:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `transport` reports no fault.
async fn recovers(transport: &dyn Transport) {
    let began = Instant::now();
    while let Err(detail) = transport.check() {
        assert!(began.elapsed() < PATIENCE, "{detail}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn carries_records(transport: &dyn Transport) {
    transport.publish(TOPIC, &records(0..10)).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut numbers = read(subscription.as_mut(), 10, true).await;
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..10));
    recovers(transport).await;
}

/// The message about the wrong setting, which begins with its variable.
fn refusal(flags: &[&str]) -> String {
    let error = open("kafka://127.0.0.1:1/movie", flags).expect_err("the setting is wrong");
    error.source().unwrap().to_string()
}

#[test]
fn wrong_settings_are_refused_by_the_name_of_their_variable() {
    for (flags, expected) in [
        ("--kafka-sasl-username me", "KAFKA_SASL_USERNAME: PLAINTEXT has no login"),
        ("--kafka-sasl-mechanism PLAIN", "KAFKA_SASL_MECHANISM: PLAINTEXT has no login"),
        ("--kafka-ssl-ca-file /ca.pem", "KAFKA_SSL_CA_FILE: PLAINTEXT has no TLS"),
        ("--kafka-security-protocol SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM: is missing"),
        (
            "--kafka-security-protocol sasl_plaintext --kafka-sasl-mechanism PLAIN",
            "KAFKA_SASL_USERNAME: is missing",
        ),
        (
            "--kafka-security-protocol SASL_PLAINTEXT --kafka-sasl-mechanism PLAIN --kafka-sasl-username me",
            "KAFKA_SASL_PASSWORD: is missing",
        ),
        ("--kafka-ssl-key-password x", "KAFKA_SSL_KEY_FILE: is missing"),
    ] {
        let message = refusal(&flags.split(' ').collect::<Vec<_>>());
        assert!(message.starts_with(expected), "{flags}: {message}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn unusable_files_are_refused_by_the_name_of_their_variable() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    std::fs::write(&text, "no certificate").unwrap();
    let text = text.to_str().unwrap();
    let pem = directory.path().join("some.pem");
    std::fs::write(&pem, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let pem = pem.to_str().unwrap();
    for (flags, expected) in [
        (["--kafka-ssl-ca-file", "/nowhere/ca.pem"], "KAFKA_SSL_CA_FILE: /nowhere/ca.pem: No such file"),
        (["--kafka-ssl-ca-file", text], &format!("KAFKA_SSL_CA_FILE: {text}: is not a PEM file")),
        (["--kafka-ssl-certificate-file", pem], "KAFKA_SSL_KEY_FILE: is missing"),
        (["--kafka-ssl-key-file", pem], "KAFKA_SSL_CERTIFICATE_FILE: is missing"),
    ] {
        let message = refusal(&[&["--kafka-security-protocol", "SSL"], &flags[..]].concat());
        assert!(message.starts_with(expected), "{flags:?}: {message}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn binary_without_tls_refuses_settings_that_need_it() {
    for (flags, expected) in [
        (["--kafka-security-protocol", "SASL_SSL"], "KAFKA_SECURITY_PROTOCOL: SASL_SSL needs TLS"),
        (["--kafka-sasl-mechanism", "SCRAM-SHA-512"], "KAFKA_SASL_MECHANISM: SCRAM-SHA-512 needs TLS"),
    ] {
        let message = refusal(&flags);
        assert!(message.starts_with(expected), "{message}");
        assert!(message.ends_with("build with --features tls"), "{message}");
    }
}

#[test]
fn debug_output_hides_passwords() {
    let flags = ["--kafka-sasl-password", "s3cret", "--kafka-ssl-key-password", "s3cret"];
    let shown = format!("{:?}", security(&flags));
    assert!(shown.contains("kafka_sasl_password") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn plain_password_is_accepted() {
    let Some(servers) = Servers::up() else { return };
    let transport = servers.login("marquee", &env("TEST_PASSWORD"));
    carries_records(transport.as_ref()).await;
}

#[tokio::test]
async fn wrong_password_is_reported() {
    let Some(servers) = Servers::up() else { return };
    let transport = servers.login("marquee", "s3cret");
    reports(transport.as_ref(), "the brokers refuse the login (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)")
        .await;
    transport.publish(TOPIC, &records(0..1)).await.unwrap_err();
    let still = transport.check().unwrap_err();
    assert!(still.contains("refuse the login") && !still.contains("s3cret"), "{still}");
}

#[tokio::test]
async fn unreachable_broker_is_reported_with_its_address() {
    let transport = open("kafka://127.0.0.1:1/movie", &[]).unwrap();
    reports(transport.as_ref(), "no broker answers (EVENTS_URL): 127.0.0.1:1").await;
}

#[tokio::test]
async fn client_with_the_wrong_protocol_reports_the_setting() {
    let Some(servers) = Servers::up() else { return };
    for listener in ["TEST_KAFKA_SASL_SSL", "TEST_KAFKA_SASL_PLAINTEXT"] {
        let transport = servers.open(listener, &[]);
        reports(transport.as_ref(), "no broker answers (EVENTS_URL, KAFKA_SECURITY_PROTOCOL)").await;
        let still = transport.check().unwrap_err();
        assert!(still.contains(&env(listener)), "{still}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_is_reported_with_topic_group_and_operation() {
    let Some(servers) = Servers::up() else { return };
    let topic = servers.topic.clone();
    let stranger = servers.login("stranger", &env("TEST_PASSWORD"));
    let error = stranger.publish(TOPIC, &records(0..1)).await.unwrap_err().source().unwrap().to_string();
    assert!(error.starts_with(&format!("user stranger needs permission to CREATE topic {topic}")), "{error}");
    reports(stranger.as_ref(), &error).await;

    // Another user creates the topics and grants the stranger access step by step.
    let marquee = servers.login("marquee", &env("TEST_PASSWORD"));
    marquee.publish(TOPIC, &records(0..10)).await.unwrap();
    let topics = ["--topic", &topic, "--resource-pattern-type", "prefixed"];
    servers.permit(&[&topics[..], &["--operation", "Describe"]].concat());
    let may_not_write = format!("user stranger needs permission to WRITE topic {topic}");
    let error = stranger.publish(TOPIC, &records(10..11)).await.unwrap_err().source().unwrap().to_string();
    assert_eq!(error, may_not_write);
    reports(stranger.as_ref(), &may_not_write).await;

    servers.permit(&[&topics[..], &["--operation", "Write"]].concat());
    stranger.publish(TOPIC, &records(10..20)).await.unwrap();
    recovers(stranger.as_ref()).await;

    let group = format!("{topic}.readers");
    let reader = stranger.clone();
    let reading = tokio::spawn(async move {
        let mut subscription = reader.subscribe(TOPIC, "readers").await.unwrap();
        read(subscription.as_mut(), 20, true).await
    });
    reports(stranger.as_ref(), &format!("user stranger needs permission to READ group {group}")).await;
    servers.permit(&["--group", &group, "--operation", "Read"]);
    reports(stranger.as_ref(), &format!("user stranger needs permission to READ topic {topic}")).await;
    servers.permit(&[&topics[..], &["--operation", "Read"]].concat());
    assert_eq!(reading.await.unwrap().len(), 20);
}

#[cfg(feature = "tls")]
mod tls {
    use super::*;

    fn secured(servers: &Servers, mechanism: &str, password: &str, authorities: &str) -> Arc<dyn Transport> {
        let protocol = ["--kafka-security-protocol", "SASL_SSL", "--kafka-ssl-ca-file", authorities];
        let login = ["--kafka-sasl-mechanism", mechanism, "--kafka-sasl-username", "marquee"];
        let password = ["--kafka-sasl-password", password];
        servers.open("TEST_KAFKA_SASL_SSL", &[&protocol[..], &login, &password].concat())
    }

    #[tokio::test]
    async fn scram_over_tls_is_accepted() {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let Some(servers) = Servers::up() else { return };
            let transport = secured(&servers, mechanism, &env("TEST_PASSWORD"), &env("TEST_CA"));
            carries_records(transport.as_ref()).await;
        }
    }

    #[tokio::test]
    async fn wrong_password_is_reported() {
        let Some(servers) = Servers::up() else { return };
        let transport = secured(&servers, "SCRAM-SHA-256", "s3cret", &env("TEST_CA"));
        reports(transport.as_ref(), "the brokers refuse the login").await;
    }

    #[tokio::test]
    async fn broker_of_an_unknown_authority_is_refused() {
        let Some(servers) = Servers::up() else { return };
        let transport = secured(&servers, "SCRAM-SHA-256", &env("TEST_PASSWORD"), &env("TEST_OTHER_CA"));
        reports(transport.as_ref(), "no TLS with the brokers (KAFKA_SSL_CA_FILE)").await;
        transport.publish(TOPIC, &records(0..1)).await.unwrap_err();
    }
}
