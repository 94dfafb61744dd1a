//! Compares `k8s/` with the processes. An API server validates the manifests (`.ci/manifests`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use marquee::fleet::{DEFAULT_PORT_BASE, Process};
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
    let staff = &read("components/staff/kustomization.yaml")[0]["secretGenerator"];
    assert_eq!(*staff, json!([{ "name": "staff", "envs": ["secrets/staff.env"] }]));
    let ignored = std::fs::read_to_string(k8s().join("../.gitignore")).unwrap();
    for directory in ["k8s/overlays/dev/secrets/", "k8s/components/staff/secrets/"] {
        assert!(ignored.lines().any(|line| line == directory), "{directory}");
    }
}

#[test]
fn overlays_for_trials_have_the_token_of_staff_and_the_demo_program() {
    for overlay in ["demo", "embedded", "dev"] {
        let components = &read(&format!("overlays/{overlay}/kustomization.yaml"))[0]["components"];
        assert!(components.as_array().unwrap().contains(&json!("../../components/staff")), "{overlay}");
    }
    let token = json!({ "secretKeyRef": { "name": "staff", "key": "token", "optional": true } });
    let demo = read("overlays/demo/fleet.yaml");
    let containers = containers_of(of_kind(&demo, "Deployment")["fleet"]);
    for process in ["book", "gateway"] {
        let base = read(&format!("base/{process}.yaml"));
        let alone = containers_of(of_kind(&base, "Deployment")[process])[process];
        for container in [alone, containers[process]] {
            assert_eq!(variable(container, "STAFF_TOKEN").unwrap()["valueFrom"], token, "{process}");
        }
    }
    let demo_data = json!({ "name": "DEMO_DATA", "value": "true" });
    assert_eq!(variable(containers["book"], "DEMO_DATA"), Some(&demo_data));
    let patches = &read("overlays/embedded/kustomization.yaml")[0]["patches"];
    let patch = patches
        .as_array()
        .unwrap()
        .iter()
        .find(|patch| patch["target"] == json!({ "kind": "Deployment", "name": "book" }))
        .and_then(|patch| patch["patch"].as_str())
        .unwrap();
    let patch: Value = serde_norway::from_str(patch).unwrap();
    assert_eq!(patch[0]["value"], demo_data);
}

/// The containers of a Deployment, by name.
fn containers_of(deployment: &Value) -> BTreeMap<&str, &Value> {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().map(|container| (container["name"].as_str().unwrap(), container)).collect()
}

fn variable<'a>(container: &'a Value, name: &str) -> Option<&'a Value> {
    container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == name)
}

#[tokio::test]
async fn demo_runs_every_process_in_one_pod_that_needs_no_volume() {
    let demo = read("overlays/demo/fleet.yaml");
    assert!(of_kind(&demo, "PersistentVolumeClaim").is_empty());
    assert_eq!(of_kind(&demo, "Namespace")["movie"], &read("base/namespace.yaml")[0]);
    let kustomization = &read("overlays/demo/kustomization.yaml")[0];
    assert_eq!(kustomization["images"], read("base/kustomization.yaml")[0]["images"]);

    let deployment = of_kind(&demo, "Deployment")["fleet"];
    let pod = &deployment["spec"]["template"]["spec"];
    // Two pods would have different data.
    assert_eq!(deployment["spec"]["strategy"], json!({ "type": "Recreate" }));
    assert_eq!(pod["volumes"], json!([{ "name": "data", "emptyDir": { "sizeLimit": "1Gi" } }]));
    let containers = containers_of(deployment);
    let names: BTreeSet<_> = Process::ALL.map(Process::name).into();
    assert_eq!(containers.keys().copied().collect::<BTreeSet<_>>(), names);
    let patches = &read("base/deployment.patch.yaml")[0];
    let mut ports = BTreeSet::new();
    for process in Process::ALL {
        let container = containers[process.name()];
        let value = |name: &str| variable(container, name).map(|variable| &variable["value"]);
        // The processes find each other by the defaults of their settings.
        let port = process.port(DEFAULT_PORT_BASE);
        assert_eq!(container["ports"][0]["containerPort"], port, "{process}");
        for (port, setting) in [(0, "PORT"), (1, "ADMIN_PORT")] {
            let port = &container["ports"][port];
            assert_eq!(value(setting).unwrap(), &json!(port["containerPort"].to_string()), "{process}");
            assert!(ports.insert(port["containerPort"].as_u64().unwrap()), "{process}: {port}");
            assert!(port["name"].as_str().unwrap().len() <= 15, "{port}");
        }
        for (probe, path) in
            [("startupProbe", "/livez"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
        {
            let expected = json!({ "path": path, "port": container["ports"][1]["name"] });
            assert_eq!(container[probe]["httpGet"], expected, "{process}");
        }
        assert_eq!(container["securityContext"], patched(patches, "securityContext"), "{process}");
        let (_, help) = run(marquee(["service", process.name(), "--", "--help"])).await;
        for given in container["env"].as_array().unwrap() {
            assert!(
                reads(&help, given["name"].as_str().unwrap()),
                "{process} does not read {given}:\n{help}"
            );
        }
        for needed in ["DATABASE_URL", "EVENTS_URL", "PROCESSOR_URL", "FLEET_ID"] {
            assert_eq!(variable(container, needed).is_some(), reads(&help, needed), "{needed} of {process}");
        }
        if let Some(url) = value("DATABASE_URL") {
            assert_eq!(url, &json!(format!("sqlite:///data/{process}.db")));
            assert_eq!(container["volumeMounts"], json!([{ "name": "data", "mountPath": "/data" }]));
        }
        assert!(value("EVENTS_URL").is_none_or(|url| url == "sqlite:///data/events.db"), "{process}");
    }
    let provider = Process::Processor.port(DEFAULT_PORT_BASE);
    let url = json!(format!("http://127.0.0.1:{provider}"));
    assert_eq!(variable(containers["payment"], "PROCESSOR_URL").unwrap()["value"], url);
    // Only the gateway is reachable.
    let policy = of_kind(&demo, "NetworkPolicy")["fleet"];
    assert_eq!(policy["spec"]["ingress"], json!([{ "ports": [{ "port": "http" }] }]));
    assert_eq!(containers["gateway"]["ports"][0]["name"], "http");
}

#[tokio::test]
async fn tools_are_suspended_jobs_that_the_alerts_name() {
    let tools = read("components/tools/tools.yaml");
    let jobs = of_kind(&tools, "CronJob");
    let restricted = patched(&read("base/deployment.patch.yaml")[0], "securityContext");
    for (name, job) in &jobs {
        assert_eq!(job["spec"]["suspend"], true, "{name}");
        let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "marquee/marquee");
        assert_eq!(container["securityContext"], restricted, "{name}");
        let mut arguments: Vec<_> =
            container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        arguments.push("--help");
        let (code, help) = run(marquee(arguments)).await;
        assert_eq!(code, 0, "{help}");
        // The others read the event log.
        let needed = if *name == "audit" { "DATABASE_URLS" } else { "EVENTS_URL" };
        assert!(reads(&help, needed), "{name}: {help}");
    }
    let audit = &jobs["audit"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let urls: BTreeSet<_> =
        variable(audit, "DATABASE_URLS").unwrap()["value"].as_str().unwrap().split(' ').collect();
    let expected = Process::WITH_DATABASE.map(|process| {
        let password = format!("$({}_PASSWORD)", process.name().to_uppercase());
        let server = "$(DATABASE_SERVER)";
        format!("{process}=postgres://{process}:{password}@{server}/{process}$(DATABASE_OPTIONS)")
    });
    assert_eq!(urls, expected.iter().map(String::as_str).collect());
    let payment = read("base/payment.yaml");
    let payment = containers_of(of_kind(&payment, "Deployment")["payment"])["payment"];
    for name in ["FLEET_ID", "PROCESSOR_URL"] {
        assert_eq!(variable(audit, name), variable(payment, name));
    }

    let monitoring = std::fs::read_to_string(k8s().join("components/monitoring/prometheus.yaml")).unwrap();
    let named: BTreeSet<_> = monitoring
        .split("--from=cronjob/")
        .skip(1)
        .map(|text| text.split(|at: char| !at.is_ascii_alphanumeric() && at != '-').next().unwrap())
        .collect();
    assert!(named.contains("dlq-list") && named.contains("dlq-replay"), "{named:?}");
    assert!(named.iter().all(|name| jobs.contains_key(name)), "{named:?}");
}

#[test]
fn embedded_process_that_cannot_open_its_files_ends_at_once() {
    let settings = &read("components/embedded/kustomization.yaml")[0]["configMapGenerator"][0];
    assert!(settings["literals"].as_array().unwrap().contains(&json!("DATABASE_WAIT_MS=0")), "{settings}");
    // The pod's status shows the line with which its process ended.
    let patches = &read("base/deployment.patch.yaml")[0];
    assert_eq!(patched(patches, "terminationMessagePolicy"), "FallbackToLogsOnError");
}

#[test]
fn tools_of_the_embedded_fleet_mount_the_volumes_of_its_services() {
    let patches = read("overlays/embedded/tools.patch.yaml");
    let volumes = read("components/embedded/volumes.yaml");
    let claims = of_kind(&volumes, "PersistentVolumeClaim");
    let jobs = of_kind(&patches, "CronJob");
    let tools = read("components/tools/tools.yaml");
    assert_eq!(jobs.keys().collect::<Vec<_>>(), of_kind(&tools, "CronJob").keys().collect::<Vec<_>>());
    for (name, job) in &jobs {
        let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        for volume in pod["volumes"].as_array().unwrap() {
            let claim = volume["persistentVolumeClaim"]["claimName"].as_str().unwrap();
            assert!(claims.contains_key(claim), "{name}: {claim}");
        }
    }
    let pod = &jobs["audit"]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let audit = &pod["containers"][0];
    let urls = variable(audit, "DATABASE_URLS").unwrap()["value"].as_str().unwrap();
    for process in Process::WITH_DATABASE {
        let url = format!("{process}=sqlite:///databases/{process}/{process}.db");
        assert!(urls.split(' ').any(|other| other == url), "{url}");
        let mounted = json!({ "name": process.name(), "mountPath": format!("/databases/{process}") });
        assert!(audit["volumeMounts"].as_array().unwrap().contains(&mounted), "{mounted}");
        let volume = json!({
            "name": process.name(), "persistentVolumeClaim": { "claimName": format!("{process}-data") }
        });
        assert!(pod["volumes"].as_array().unwrap().contains(&volume), "{volume}");
    }
}

#[test]
fn generated_passwords_of_dev_are_kept_and_given_to_postgresql() {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(k8s().join("secrets"), copy.path().join("secrets")).unwrap();
    let run = || {
        let output = Command::new(copy.path().join("secrets")).arg("sql").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let statements = run();
    let staff = copy.path().join("components/staff/secrets/staff.env");
    let generated = std::fs::read_to_string(&staff).unwrap();
    let token = generated.strip_prefix("token=").unwrap().trim_end();
    assert!(token.len() >= 32, "{generated}");
    assert_eq!(run(), statements);
    assert_eq!(std::fs::read_to_string(&staff).unwrap(), generated);
    let mode = std::fs::metadata(&staff).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
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
fn traces_reach_a_collector_that_the_network_policy_admits() {
    let settings = &read("components/tracing/kustomization.yaml")[0]["configMapGenerator"][0];
    assert_eq!((&settings["name"], &settings["behavior"]), (&json!("settings"), &json!("merge")));
    let literals: Vec<_> =
        settings["literals"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let settings: BTreeMap<_, _> = literals.iter().filter_map(|literal| literal.split_once('=')).collect();
    let (host, port) =
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"].strip_prefix("http://").unwrap().split_once(':').unwrap();
    let policy = &read("components/tracing/network.yaml")[0]["spec"];
    assert_eq!((&policy["podSelector"], &policy["policyTypes"]), (&json!({}), &json!(["Egress"])));
    let namespace = json!({ "kubernetes.io/metadata.name": host.split_once('.').unwrap().1 });
    assert_eq!(policy["egress"][0]["to"], json!([{ "namespaceSelector": { "matchLabels": namespace } }]));
    assert_eq!(policy["egress"][0]["ports"], json!([{ "port": port.parse::<u16>().unwrap() }]));
    assert_eq!(settings["OTEL_TRACES_SAMPLER"], "parentbased_traceidratio");
    assert!((0.0..1.0).contains(&settings["OTEL_TRACES_SAMPLER_ARG"].parse::<f64>().unwrap()));
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
