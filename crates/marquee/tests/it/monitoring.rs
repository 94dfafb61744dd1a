//! Compares the alerts with their runbooks and unit tests, and checks metrics of single processes. `.ci/alerts` runs
//! the unit tests, and compares the rules and the dashboard with a running fleet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use serde_json::Value;
use test_kit::scratch::server_events_url;

use crate::backup::book;
use crate::fleet::Fleet;
use crate::wait::until;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap()
}

/// Returns all rules by group.
fn rules() -> Vec<(String, Vec<Value>)> {
    let text = read("k8s/components/monitoring/prometheus.yaml");
    let document = text.split("\n---\n").find(|document| document.contains("kind: PrometheusRule")).unwrap();
    let resource: Value = serde_norway::from_str(document).unwrap();
    let groups = resource["spec"]["groups"].as_array().unwrap().clone();
    groups
        .into_iter()
        .map(|group| (group["name"].as_str().unwrap().to_owned(), group["rules"].as_array().unwrap().clone()))
        .collect()
}

#[tokio::test]
async fn each_process_exposes_its_pool_its_events_and_its_lag() {
    let fleet = Fleet::up().await;
    book(&fleet).await;
    let metrics = async |process: Process| {
        let answer = fleet.service(process).get("/metrics").await.unwrap();
        answer.body.as_str().unwrap().to_owned()
    };
    for process in Process::ALL {
        until(&format!("the metrics of {process}"), async || {
            let text = metrics(process).await;
            let exposes = |start: &str| text.lines().any(|line| line.starts_with(start));
            let has = (exposes("db_connections_max{pool="), exposes("consumer_lag_records{consumer="));
            let is_consumer = Process::SERVICES.contains(&process);
            let wanted =
                (Process::WITH_DATABASE.contains(&process), is_consumer && server_events_url().is_some());
            if has == wanted { Ok(()) } else { Err(text) }
        })
        .await;
    }
    until("a published event", async || {
        let text = metrics(Process::Book).await;
        if text.contains("\nevents_published_total{type=\"Booked\"} 1\n") { Ok(()) } else { Err(text) }
    })
    .await;
}

#[test]
fn every_alert_has_a_runbook_and_a_unit_test() {
    let operations = read("docs/OPERATIONS.md");
    let (_, chapter) = operations.split_once("\n## Alerts\n").unwrap();
    let chapter = chapter.split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> = chapter.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut alerts = BTreeSet::new();
    for (group, rules) in rules() {
        let tests: Value =
            serde_norway::from_str(&read(&format!("k8s/components/monitoring/{group}.test.yaml"))).unwrap();
        let tested: Vec<&Value> = tests["tests"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|test| test["alert_rule_test"].as_array().into_iter().flatten())
            .collect();
        for alert in rules.iter().filter(|rule| rule.get("alert").is_some()) {
            let name = alert["alert"].as_str().unwrap();
            let runbook = format!("docs/OPERATIONS.md#{}", name.to_lowercase());
            assert_eq!(alert["annotations"]["runbook"], runbook, "{name}");
            let expected = tested.iter().filter(|test| test["alertname"] == name);
            let raised: BTreeSet<bool> =
                expected.map(|test| !test["exp_alerts"].as_array().unwrap().is_empty()).collect();
            assert_eq!(raised, [false, true].into(), "unit tests of {name} must raise it, and must not");
            alerts.insert(name.to_owned());
        }
    }
    assert_eq!(documented, alerts.iter().map(String::as_str).collect());
}

#[test]
fn containers_have_the_names_of_their_processes_as_the_label_service_needs() {
    for process in Process::ALL {
        let deployment = read(&format!("k8s/base/{process}.yaml"));
        assert!(
            deployment.contains(&format!("        - name: {process}\n          image: marquee/{process}\n"))
        );
    }
    let monitoring = read("k8s/components/monitoring/prometheus.yaml");
    assert!(
        monitoring.contains("{sourceLabels: [__meta_kubernetes_pod_container_name], targetLabel: service}")
    );
}
