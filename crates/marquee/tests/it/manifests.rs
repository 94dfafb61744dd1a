//! Compares `k8s/` with the processes. An API server validates the manifests (`.ci/manifests`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use marquee::fleet::Process;
use serde_json::{Value, json};

use crate::compose::reads;
use crate::fleet::{marquee, run};

fn k8s() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../k8s")
}

/// Reads the documents of a file.
fn read(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(k8s().join(file)).unwrap();
    text.split("\n---\n").map(|document| serde_norway::from_str(document).unwrap()).collect()
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let of_kind = documents.iter().filter(|document| document["kind"] == kind);
    of_kind.map(|document| (document["metadata"]["name"].as_str().unwrap(), document)).collect()
}

/// The value that a list of JSON patches sets at a path of the container.
fn patched(patches: &Value, path: &str) -> Value {
    let path = format!("/spec/template/spec/containers/0/{path}");
    let found = patches.as_array().unwrap().iter().find(|patch| patch["path"] == path.as_str());
    found.unwrap_or_else(|| panic!("no patch sets {path}"))["value"].clone()
}

#[test]
fn probes_and_metrics_use_the_admin_port() {
    let patches = &read("base/deployment.patch.yaml")[0];
    assert_eq!(patched(patches, "env/-"), json!({ "name": "ADMIN_PORT", "value": "9090" }));
    assert_eq!(patched(patches, "ports/-"), json!({ "name": "admin", "containerPort": 9090 }));
    for (probe, path) in
        [("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        assert_eq!(patched(patches, probe)["httpGet"], json!({ "path": path, "port": "admin" }), "{probe}");
    }
    let monitoring = read("components/monitoring/prometheus.yaml");
    let monitor = of_kind(&monitoring, "PodMonitor")["marquee"];
    assert_eq!(monitor["spec"]["podMetricsEndpoints"][0]["port"], "admin");
    let policy = of_kind(&monitoring, "NetworkPolicy")["from-prometheus"];
    assert_eq!(policy["spec"]["ingress"][0]["ports"], json!([{ "port": "admin" }]));
    // No other policy or Service opens it.
    for file in ["base/network.yaml", "base/gateway.yaml", "base/book.yaml"] {
        let text = std::fs::read_to_string(k8s().join(file)).unwrap();
        assert!(!text.contains("port: admin") && !text.contains("9090"), "{file}");
    }
}

#[tokio::test]
async fn every_setting_is_known_to_its_process() {
    // Parts of DATABASE_URL, which no process reads.
    let parts = ["DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_SERVER", "DATABASE_OPTIONS"];
    let everywhere = patched(&read("base/deployment.patch.yaml")[0], "env/-");
    let of_the_gateway =
        ["PUBLIC_URL", "RATE_LIMIT_PER_SECOND", "RATE_LIMIT_BURST"].map(|name| json!({ "name": name }));
    for process in Process::ALL {
        let (code, help) = run(marquee(["service", process.name(), "--", "--help"])).await;
        assert_eq!(code, 0, "{help}");
        let base = read(&format!("base/{process}.yaml"));
        let container =
            &of_kind(&base, "Deployment")[process.name()]["spec"]["template"]["spec"]["containers"][0];
        let mut given = container["env"].as_array().unwrap().clone();
        given.push(everywhere.clone());
        given.extend(of_the_gateway.iter().filter(|_| process == Process::Gateway).cloned());
        for name in given.iter().map(|one| one["name"].as_str().unwrap()).filter(|name| !parts.contains(name))
        {
            assert!(reads(&help, name), "{process} does not read {name}:\n{help}");
        }
    }
}

#[test]
fn manifests_contain_no_password() {
    let overlay = &read("overlays/dev/kustomization.yaml")[0];
    let secrets = overlay["secretGenerator"].as_array().unwrap();
    assert_eq!(secrets.len(), Process::WITH_DATABASE.len());
    for secret in secrets {
        let service = secret["name"].as_str().unwrap().strip_suffix("-database").unwrap();
        assert_eq!(secret["envs"], json!([format!("secrets/{service}.env")]));
        assert!(secret.get("literals").is_none());
    }
    let ignored = std::fs::read_to_string(k8s().join("../.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "k8s/overlays/dev/secrets/"));
}

#[test]
fn generated_passwords_of_dev_are_kept_and_given_to_postgresql() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(copy.path().join("overlays/dev")).unwrap();
    std::fs::copy(k8s().join("secrets"), copy.path().join("secrets")).unwrap();
    let run = || {
        let output = Command::new(copy.path().join("secrets")).arg("sql").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let statements = run();
    assert_eq!(run(), statements);
    for process in Process::WITH_DATABASE {
        let file = copy.path().join(format!("overlays/dev/secrets/{process}.env"));
        let mode = std::fs::metadata(&file).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600, "{process}");
        let text = std::fs::read_to_string(file).unwrap();
        let password = text.strip_prefix(&format!("username={process}\npassword=")).unwrap().trim_end();
        assert!(
            password.len() == 48 && password.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{password}"
        );
        assert!(statements.contains(&format!("CREATE ROLE {process} LOGIN PASSWORD '{password}';\n")));
    }
}

#[test]
fn production_verifies_the_certificates_of_its_servers() {
    for component in ["backends", "external-tls"] {
        let settings =
            &read(&format!("components/{component}/kustomization.yaml"))[0]["configMapGenerator"][0];
        let literals = settings["literals"].as_array().unwrap();
        let options = "DATABASE_OPTIONS=?sslmode=verify-full&sslrootcert=/authorities/postgres.crt";
        assert!(literals.contains(&json!(options)), "{component}: {literals:?}");
        let protocol = literals
            .iter()
            .filter_map(Value::as_str)
            .find_map(|line| line.strip_prefix("KAFKA_SECURITY_PROTOCOL="));
        assert!(protocol.is_some_and(|protocol| protocol.ends_with("SSL")), "{component}: {literals:?}");
    }
    for process in Process::WITH_DATABASE {
        let base = read(&format!("base/{process}.yaml"));
        let container =
            &of_kind(&base, "Deployment")[process.name()]["spec"]["template"]["spec"]["containers"][0];
        let names: Vec<_> =
            container["env"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        // Kubernetes expands only variables that are defined earlier.
        let place = |name: &str| names.iter().position(|other| *other == name).unwrap();
        for part in ["DATABASE_USER", "DATABASE_PASSWORD", "DATABASE_SERVER", "DATABASE_OPTIONS"] {
            assert!(place(part) < place("DATABASE_URL"), "{process}: {part}");
        }
        let url = format!(
            "postgres://$(DATABASE_USER):$(DATABASE_PASSWORD)@$(DATABASE_SERVER)/{process}$(DATABASE_OPTIONS)"
        );
        assert_eq!(container["env"][place("DATABASE_URL")]["value"], url);
    }
}

#[test]
fn kafka_grants_each_service_the_permissions_it_needs() {
    let kafka = read("components/backends/kafka.yaml");
    let users = of_kind(&kafka, "KafkaUser");
    assert_eq!(users.len(), Process::SERVICES.len() + 1);
    for process in Process::SERVICES {
        let events = match process {
            Process::Mypage => json!(["Describe", "Read"]),
            _ => json!(["Describe", "Read", "Write"]),
        };
        let topic = |name: &str| json!({ "type": "topic", "name": name });
        let expected = json!([
            { "resource": topic("movie"), "operations": events },
            { "resource": topic("movie.dlq"), "operations": ["Describe", "Write"] },
            { "resource": { "type": "group", "name": format!("movie.{process}") }, "operations": ["Read"] },
        ]);
        assert_eq!(users[process.name()]["spec"]["authorization"]["acls"], expected, "{process}");
    }
}

#[test]
fn mesh_lets_only_book_and_payment_move_money_and_only_ticket_grant_points() {
    let access = read("components/istio/access.yaml");
    let policies = of_kind(&access, "AuthorizationPolicy");
    // The callers with write access, by the called service.
    let mut writers = BTreeSet::new();
    for process in Process::WITH_DATABASE {
        let policy = policies[process.name()];
        assert_eq!(policy["spec"]["selector"]["matchLabels"]["app"], process.name());
        for rule in policy["spec"]["rules"].as_array().unwrap() {
            let principal = rule["from"][0]["source"]["principals"][0].as_str().unwrap();
            let caller = principal.strip_prefix("cluster.local/ns/movie/sa/").unwrap();
            let operation = &rule["to"][0]["operation"];
            assert_eq!(operation["ports"], json!(["8080"]));
            let reads = operation["methods"].as_array().is_some_and(|methods| {
                methods.iter().all(|method| ["GET", "HEAD", "OPTIONS"].contains(&method.as_str().unwrap()))
            });
            if !reads {
                writers.insert((process.name(), caller, operation["paths"].to_string()));
            }
        }
    }
    let expected = [
        ("book", "gateway", r#"["/books","/books/*","/screenings","/screenings/*"]"#),
        ("payment", "book", r#"["/payments","/payments/inquiries","/cancellations"]"#),
        ("point", "ticket", r#"["/points"]"#),
        ("processor", "payment", r#"["/v1/payments/*"]"#),
        ("ticket", "gateway", r#"["/tickets","/tickets/*"]"#),
    ];
    let expected = expected.map(|(service, caller, paths)| (service, caller, paths.to_owned()));
    assert_eq!(writers, expected.into_iter().collect());
    // Requests that no rule allows are refused.
    let nothing = policies["allow-nothing"];
    assert!(nothing["spec"].get("rules").is_none(), "{nothing}");
    assert_eq!(nothing["spec"]["selector"]["matchLabels"], json!({ "app.kubernetes.io/part-of": "marquee" }));
}
