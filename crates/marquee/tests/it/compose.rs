//! `docker/`, held against the processes it starts. That the file is a valid one is for `docker compose config` to say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use serde_json::{Value, json};
use test_kit::FakeUpstream;

use crate::fleet::{marquee, run};

/// Inside of a container; the gateway's is the published one.
fn port(process: Process) -> u16 {
    if process == Process::Gateway { 8088 } else { 8080 }
}

fn docker() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(docker().join(file)).unwrap()
}

fn compose() -> Value {
    serde_norway::from_str(&read("compose.yaml")).unwrap()
}

#[test]
fn every_process_is_a_service_that_is_built_restarted_and_waits_for_those_it_needs() {
    let compose = compose();
    let healthy = |names: &[&str]| -> Value {
        names.iter().map(|name| ((*name).to_owned(), json!({ "condition": "service_healthy" }))).collect()
    };
    for process in Process::ALL {
        let service = &compose["services"][process.name()];
        assert_eq!(service["image"], format!("marquee/{process}"));
        let args = match process {
            Process::Gateway => json!({ "BIN": "gateway", "PORT": "8088" }),
            _ => json!({ "BIN": process.name() }),
        };
        assert_eq!(service["build"]["args"], args);
        assert_eq!(service["read_only"], true, "{process}");
        assert_eq!(service["restart"], "unless-stopped");
        let needed = match process {
            Process::Gateway => healthy(&["book", "payment", "mypage", "ticket", "point"]),
            _ => healthy(&["postgres", "kafka"]),
        };
        assert_eq!(service["depends_on"], needed, "{process}");
    }
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), Process::ALL.len() + 2);
    let published: Vec<_> = services.iter().filter(|(_, service)| service.get("ports").is_some()).collect();
    assert_eq!(published.len(), 1, "{published:?}");
    assert_eq!(services["gateway"]["ports"], json!(["${GATEWAY_PORT:-8088}:8088"]));
    for server in ["postgres", "kafka"] {
        let server = &services[server];
        assert!(server["healthcheck"]["test"].is_array() && server["volumes"].is_array(), "{server}");
    }
}

/// Whether `help` names the variable. One that may hold a password is shown without its value.
fn reads(help: &str, name: &str) -> bool {
    [format!("[env: {name}="), format!("[env: {name}]")].iter().any(|shown| help.contains(shown))
}

#[tokio::test]
async fn every_variable_is_one_that_its_process_knows() {
    let compose = compose();
    for process in Process::ALL {
        let (code, help) = run(marquee(["service", process.name(), "--", "--help"])).await;
        assert_eq!(code, 0, "{help}");
        let given = compose["services"][process.name()]["environment"].as_object().unwrap();
        for name in given.keys() {
            assert!(reads(&help, name), "{process} does not read {name}:\n{help}");
        }
        for needed in ["DATABASE_URL", "EVENTS_URL"] {
            assert_eq!(given.contains_key(needed), reads(&help, needed), "{needed} of {process}");
        }
        // What has a default here points to this machine, where nobody is in a container.
        for line in help.lines().filter(|line| line.contains("127.0.0.1:")) {
            let name = line.split("[env: ").nth(1).unwrap().split('=').next().unwrap();
            assert!(given.contains_key(name), "{process} is not told its {name}");
        }
    }
}

#[test]
fn every_url_leads_to_a_service_of_the_file() {
    let compose = compose();
    for process in Process::ALL {
        for (name, value) in compose["services"][process.name()]["environment"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            match name.as_str() {
                "DATABASE_URL" => {
                    let password = "${SERVICE_PASSWORD:-marquee}";
                    assert_eq!(value, format!("postgres://{process}:{password}@postgres:5432/{process}"));
                }
                "EVENTS_URL" => assert_eq!(value, "kafka://kafka:9092/movie"),
                _ => {
                    let Some(upstream) = name.strip_suffix("_URL") else { continue };
                    let upstream = upstream.to_lowercase();
                    let other = Process::ALL.into_iter().find(|other| other.name() == upstream);
                    assert_eq!(value, format!("http://{upstream}:{}", port(other.unwrap())));
                }
            }
        }
    }
    let kafka = &compose["services"]["kafka"]["environment"];
    assert_eq!(kafka["KAFKA_ADVERTISED_LISTENERS"], "PLAINTEXT://kafka:9092");
}

#[test]
fn the_server_makes_a_database_for_each_service() {
    let compose = compose();
    let script = read("postgres/databases.sh");
    let made =
        script.lines().find_map(|line| line.strip_prefix("for service in ")?.strip_suffix("; do")).unwrap();
    let made: BTreeSet<&str> = made.split(' ').collect();
    let services = Process::ALL.into_iter().filter(|process| *process != Process::Gateway);
    assert_eq!(made, services.map(Process::name).collect());
    let postgres = &compose["services"]["postgres"];
    let mounted = "./postgres/databases.sh:/docker-entrypoint-initdb.d/databases.sh:ro";
    assert_eq!(postgres["volumes"][1], mounted);
    assert_eq!(postgres["environment"]["SERVICE_PASSWORD"], "${SERVICE_PASSWORD:-marquee}");
}

#[test]
fn the_dockerfile_builds_every_process_and_runs_it_as_nobody() {
    let dockerfile = read("Dockerfile");
    for process in Process::ALL {
        assert!(dockerfile.contains(&format!("target/dist/{process}")), "{process} is not installed");
        assert!(dockerfile.contains(&format!("-p {process}")), "{process} is not built");
    }
    for line in [
        "COPY --from=build /out/${BIN} /app",
        "ENV PORT=${PORT}",
        "USER 65532:65532",
        "ENTRYPOINT [\"/app\"]",
    ] {
        assert!(dockerfile.lines().any(|other| other == line), "no {line}");
    }
    assert!(dockerfile.contains("\nARG PORT=8080\n"));
    let toolchain = std::fs::read_to_string(docker().join("../rust-toolchain.toml")).unwrap();
    let version = toolchain.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(
        dockerfile.contains(&format!("\nARG BUILD_IMAGE=rust:{version}-")),
        "not the toolchain {version}"
    );
}

#[tokio::test]
async fn a_container_is_healthy_when_its_process_says_that_it_is_ready() {
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains("CMD [\"/app\", \"--healthcheck\"]\n"));
    let ready = FakeUpstream::answers(200, json!({})).await;
    let unready = FakeUpstream::answers(503, json!({})).await;
    let nobody = FakeUpstream::refuses();
    for (upstream, expected) in [(&ready, 0), (&unready, 1), (&nobody, 1)] {
        let (_, port) = upstream.url.rsplit_once(':').unwrap();
        let (code, said) = run(marquee(["service", "gateway", "--", "--healthcheck", "--port", port])).await;
        assert_eq!(code, expected, "{}: {said}", upstream.url);
    }
}
