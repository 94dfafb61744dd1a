//! Compares `docker/` with the processes. `docker compose config` validates the file itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use serde_json::{Value, json};
use test_kit::FakeUpstream;

use crate::fleet::{marquee, run};

/// The port in the container. The gateway's is published.
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
fn every_process_is_built_restarted_and_waits_for_its_dependencies() {
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
            Process::Processor => healthy(&["postgres"]),
            _ => healthy(&["postgres", "kafka"]),
        };
        assert_eq!(service["depends_on"], needed, "{process}");
    }
    let services = compose["services"].as_object().unwrap();
    // Two servers, and the commands of operators.
    assert_eq!(services.len(), Process::ALL.len() + 2 + 1);
    let published: Vec<_> = services.iter().filter(|(_, service)| service.get("ports").is_some()).collect();
    assert_eq!(published.len(), 1, "{published:?}");
    assert_eq!(services["gateway"]["ports"], json!(["${GATEWAY_PORT:-8088}:8088"]));
    for server in ["postgres", "kafka"] {
        let server = &services[server];
        assert!(server["healthcheck"]["test"].is_array() && server["volumes"].is_array(), "{server}");
    }
}

#[tokio::test]
async fn commands_of_operators_reach_every_database_and_the_event_log() {
    let tools = &compose()["services"]["marquee"];
    assert_eq!(tools["image"], "marquee/marquee");
    assert_eq!(tools["build"]["target"], "command");
    // `up` does not start it.
    assert_eq!(tools["profiles"], json!(["tools"]));
    assert_eq!(tools["networks"], json!(["inside", "back"]));
    let environment = tools["environment"].as_object().unwrap();
    let urls: BTreeSet<&str> = environment["DATABASE_URLS"].as_str().unwrap().split(' ').collect();
    let expected = Process::WITH_DATABASE.map(|process| {
        let password = password_of(process.name());
        // The reference contains blanks, at which this test splits too.
        format!("{process}=postgres://{process}:{password}@postgres:5432/{process}")
    });
    assert_eq!(urls, expected.iter().flat_map(|url| url.split(' ')).collect());
    assert_eq!(environment["EVENTS_URL"], "kafka://kafka:9092/movie");
    let (_, audit) = run(marquee(["audit", "--help"])).await;
    let (_, dlq) = run(marquee(["dlq", "list", "--help"])).await;
    assert!(reads(&audit, "DATABASE_URLS") && reads(&dlq, "EVENTS_URL"), "{audit}{dlq}");
    // The audit reads these two without a flag.
    for name in ["PROCESSOR_URL", "FLEET_ID"] {
        assert_eq!(environment[name], compose()["services"]["payment"]["environment"][name]);
    }
}

#[test]
fn book_sells_the_demo_program_and_knows_the_token_of_staff() {
    let compose = compose();
    let book = &compose["services"]["book"]["environment"];
    assert_eq!(book["DEMO_DATA"], "${DEMO_DATA:-true}");
    for process in ["book", "gateway"] {
        assert_eq!(compose["services"][process]["environment"]["STAFF_TOKEN"], "${STAFF_TOKEN:-}");
    }
}

/// Returns true if `help` names the variable. The help shows no values of variables that may contain
/// passwords.
pub fn reads(help: &str, name: &str) -> bool {
    [format!("[env: {name}="), format!("[env: {name}]")].iter().any(|shown| help.contains(shown))
}

#[tokio::test]
async fn every_variable_is_known_to_its_process() {
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
        // These defaults are for processes on one machine, so a container must set them.
        for line in help.lines().filter(|line| line.contains("127.0.0.1:")) {
            let name = line.split("[env: ").nth(1).unwrap().split('=').next().unwrap();
            assert!(given.contains_key(name), "{process} has no {name}");
        }
    }
}

#[test]
fn every_url_names_a_service_of_the_file() {
    let compose = compose();
    for process in Process::ALL {
        for (name, value) in compose["services"][process.name()]["environment"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            match name.as_str() {
                "DATABASE_URL" => {
                    let password = password_of(process.name());
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
fn server_creates_a_database_for_each_service() {
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
    let environment = postgres["environment"].as_object().unwrap();
    let users = made.iter().copied().chain(["postgres"]);
    let expected = users.map(|user| (format!("{}_PASSWORD", user.to_uppercase()), password_of(user)));
    assert_eq!(*environment, expected.map(|(name, value)| (name, Value::String(value))).collect());
}

/// The reference to a password. Without the password, Compose names the command that generates it, and starts
/// nothing.
fn password_of(user: &str) -> String {
    format!("${{{}_PASSWORD:?run docker/secrets}}", user.to_uppercase())
}

/// Runs `docker/secrets` in a copy of the directory, and returns the variables that it writes.
fn generated(directory: &Path) -> BTreeMap<String, String> {
    std::fs::copy(docker().join("secrets"), directory.join("secrets")).unwrap();
    let output = std::process::Command::new(directory.join("secrets")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = std::fs::read_to_string(directory.join(".env")).unwrap();
    file.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

#[test]
fn passwords_are_generated_once_and_private() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".env"), "CINEMA=Lumiere\nBOOK_PASSWORD=kept\n").unwrap();
    let first = generated(directory.path());
    assert_eq!([&first["CINEMA"], &first["BOOK_PASSWORD"]], ["Lumiere", "kept"]);
    let services = Process::WITH_DATABASE.map(Process::name);
    let mut made = BTreeSet::new();
    for user in services.iter().chain(&["postgres"]).filter(|user| **user != "book") {
        let password = &first[&format!("{}_PASSWORD", user.to_uppercase())];
        assert!(
            password.len() == 48 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{password}"
        );
        assert!(made.insert(password), "two users have the same password");
    }
    let token = &first["STAFF_TOKEN"];
    assert!(token.len() >= 32 && made.insert(token), "{token}");
    let id = &first["FLEET_ID"];
    assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(generated(directory.path()), first);
    let mode = std::fs::metadata(directory.path().join(".env")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
}

#[test]
fn only_services_reach_the_servers_and_only_the_gateway_is_exposed() {
    let compose = compose();
    let networks = |service: &str| -> BTreeSet<String> {
        match &compose["services"][service]["networks"] {
            Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            Value::Object(names) => names.keys().cloned().collect(),
            other => panic!("{service} is on the default network: {other}"),
        }
    };
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(networks("gateway"), named(&["front", "inside"]));
    for process in Process::WITH_DATABASE {
        assert_eq!(networks(process.name()), named(&["inside", "back"]), "{process}");
    }
    for server in ["postgres", "kafka"] {
        assert_eq!(networks(server), named(&["back"]));
    }
    for inner in ["inside", "back"] {
        assert_eq!(compose["networks"][inner]["internal"], true, "{inner}");
    }
    assert_eq!(compose["networks"].as_object().unwrap().len(), 3);

    // The services trust the gateway at a fixed address, which no other container gets.
    let address = compose["services"]["gateway"]["networks"]["inside"]["ipv4_address"].as_str().unwrap();
    for process in Process::SERVICES {
        assert_eq!(
            compose["services"][process.name()]["environment"]["TRUSTED_PROXIES"],
            address,
            "{process}"
        );
    }
    assert!(compose["services"]["gateway"]["environment"].get("TRUSTED_PROXIES").is_none());
    let pool = &compose["networks"]["inside"]["ipam"]["config"][0];
    assert_eq!([&pool["subnet"], &pool["ip_range"]], ["10.213.88.0/24", "10.213.88.128/25"]);
    let last: u8 = address.strip_prefix("10.213.88.").unwrap().parse().unwrap();
    assert!((2..128).contains(&last), "{address}");
}

#[test]
fn dockerfile_builds_every_process_and_runs_it_without_privileges() {
    let dockerfile = read("Dockerfile");
    for process in Process::ALL {
        assert!(dockerfile.contains(&format!("target/dist/{process}")), "{process} is not installed");
        assert!(dockerfile.contains(&format!("-p {process}")), "{process} is not built");
    }
    assert!(dockerfile.contains("target/dist/marquee\n") && dockerfile.contains(" -p marquee "));
    // The last stage is built by default. The other one has no port, so a health check would fail.
    let stages: Vec<_> = dockerfile.split("\nFROM ").skip(2).collect();
    let [command, process] = stages[..] else { panic!("{} stages", stages.len()) };
    assert!(command.starts_with("${RUNTIME_IMAGE} AS command\n") && !command.contains("HEALTHCHECK"));
    assert!(process.starts_with("${RUNTIME_IMAGE} AS process\n"));
    for line in ["COPY --from=build /out/marquee /app", "USER 65532:65532", "ENTRYPOINT [\"/app\"]"] {
        assert!(command.lines().any(|other| other == line), "no {line}");
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
async fn container_is_healthy_when_its_process_is_ready() {
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains("CMD [\"/app\", \"--healthcheck\"]\n"));
    let ready = FakeUpstream::answers(200, json!({})).await;
    let unready = FakeUpstream::answers(503, json!({})).await;
    let nobody = FakeUpstream::refuses();
    for (upstream, expected) in [(&ready, 0), (&unready, 1), (&nobody, 1)] {
        let (_, port) = upstream.url.rsplit_once(':').unwrap();
        let (code, output) =
            run(marquee(["service", "gateway", "--", "--healthcheck", "--port", port])).await;
        assert_eq!(code, expected, "{}: {output}", upstream.url);
    }
}
