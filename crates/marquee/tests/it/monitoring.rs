//! Compares the rules and the dashboard with the metrics of a running fleet, and the alerts with their runbooks
//! and unit tests. `.ci/alerts` runs the unit tests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use marquee::fleet::Process;
use reqwest::Method;
use serde_json::{Value, json};
use test_kit::scratch::server_events_url;

use crate::fleet::Fleet;
use crate::wait::until;

/// Labels that Prometheus adds when it scrapes a process.
const OF_THE_TARGET: [&str; 3] = ["namespace", "service", "pod"];
/// Metrics of Kubernetes.
const OF_KUBERNETES: [&str; 2] = ["kube_", "container_"];
/// Metrics that exist only while the event log is Kafka.
const OF_KAFKA: [&str; 1] = ["consumer_lag_records"];
/// Words of PromQL that are neither metrics nor functions.
const OPERATORS: [&str; 4] = ["and", "or", "unless", "bool"];
/// Words before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// A metric and its matchers: a selector of PromQL, or a series in the text of `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Selector {
    metric: String,
    /// Label, operator and value.
    matchers: Vec<(String, String, String)>,
}

impl Selector {
    /// Whether a series of a process has the metric, the labels, and the values that the selector names.
    fn selects(&self, series: &Selector) -> bool {
        self.metric == series.metric
            && self.matchers.iter().all(|(label, operator, value)| {
                OF_THE_TARGET.contains(&label.as_str())
                    || series
                        .matchers
                        .iter()
                        .any(|(other, _, actual)| label == other && (operator != "=" || value == actual))
            })
    }
}

/// Returns the selectors of an expression in PromQL.
fn selectors(expression: &str) -> Vec<Selector> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_:".contains(letter);
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(letter) = rest.chars().next() {
        if letter == '[' {
            rest = rest.split_once(']').unwrap().1;
            continue;
        }
        if !is_name(letter) {
            rest = &rest[letter.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(rest.find(|letter: char| !is_name(letter)).unwrap_or(rest.len()));
        let next = after.trim_start();
        let is_aggregation = next.starts_with("by ") || next.starts_with("without ");
        rest = after;
        if BEFORE_LABELS.contains(&word) {
            rest = next.split_once(')').unwrap().1;
        } else if !letter.is_ascii_digit()
            && !next.starts_with('(')
            && !is_aggregation
            && !OPERATORS.contains(&word)
        {
            let mut matchers = Vec::new();
            if let Some(inside) = after.strip_prefix('{') {
                (matchers, rest) = labels(inside);
            }
            found.push(Selector { metric: word.to_owned(), matchers });
        }
    }
    found
}

/// Returns the matchers up to the closing brace, and the text after it.
fn labels(text: &str) -> (Vec<(String, String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return (found, after);
        }
        let (matcher, after) = rest.split_once('"').unwrap();
        let (value, after) = after.split_once('"').unwrap();
        let (label, operator) = matcher.split_at(matcher.find(['=', '!']).unwrap());
        found.push((label.to_owned(), operator.to_owned(), value.to_owned()));
        rest = after;
    }
}

/// Returns all series in the text of `/metrics`.
fn series(text: &str) -> Vec<Selector> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| selectors(line).remove(0)).collect()
}

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

/// Returns the expressions of the dashboard's panels.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&read("k8s/components/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn selectors_of_an_expression_are_found() {
    let selector = |metric: &str, matchers: &[(&str, &str, &str)]| {
        let owned = |(label, operator, value): &(&str, &str, &str)| {
            ((*label).to_owned(), (*operator).to_owned(), (*value).to_owned())
        };
        Selector { metric: metric.to_owned(), matchers: matchers.iter().map(owned).collect() }
    };
    assert_eq!(
        selectors(
            r#"sum by (service, le) (rate(a_bucket{le="1.5", status!~"4..|200"}[5m])) / max(b) > 14.4 * 0.001 and c:d_5m or 0 * e{}"#
        ),
        [
            selector("a_bucket", &[("le", "=", "1.5"), ("status", "!~", "4..|200")]),
            selector("b", &[]),
            selector("c:d_5m", &[]),
            selector("e", &[]),
        ]
    );
    let exposed = series("# TYPE a counter\na{le=\"1.5\",name=\"x\"} 7\n\nb 3.5e-5\n");
    assert_eq!(exposed, [selector("a", &[("le", "=", "1.5"), ("name", "=", "x")]), selector("b", &[])]);
    assert!(selector("a", &[("service", "=", "book"), ("le", "=", "1.5")]).selects(&exposed[0]));
    assert!(selector("a", &[("name", "=~", "y|z")]).selects(&exposed[0]));
    for wrong in [("le", "=", "2.5"), ("status", "=~", "x")] {
        assert!(!selector("a", &[wrong]).selects(&exposed[0]), "{wrong:?}");
    }
}

#[tokio::test]
async fn fleet_exposes_every_metric_of_the_rules_and_the_dashboard() {
    let mut expressions = dashboard();
    let mut recorded = BTreeSet::new();
    for rule in rules().into_iter().flat_map(|(_, rules)| rules) {
        expressions.push(rule["expr"].as_str().unwrap().to_owned());
        recorded.extend(rule["record"].as_str().map(str::to_owned));
    }
    let mut wanted: Vec<Selector> = expressions.iter().flat_map(|expression| selectors(expression)).collect();
    wanted.retain(|selector| {
        !recorded.contains(&selector.metric)
            && !OF_KUBERNETES.iter().any(|prefix| selector.metric.starts_with(prefix))
            && (server_events_url().is_some() || !OF_KAFKA.contains(&selector.metric.as_str()))
    });
    assert!(wanted.len() > 10, "{wanted:?}");
    wanted.push(selectors(r#"events_published_total{type="Booked"}"#).remove(0));

    let fleet = Fleet::up().await;
    let order = json!({ "movieName": "soul", "seat": "1A", "qty": 1, "totalPrice": 5000 });
    let booked = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(booked.status, 201, "{}", booked.body);
    // Some metrics appear with the first event.
    until("every metric", async || {
        let mut exposed = Vec::new();
        for process in Process::ALL {
            let answer = fleet.service(process).get("/metrics").await.map_err(|error| error.to_string())?;
            let of_process = series(answer.body.as_str().unwrap());
            let has_pool = of_process.iter().any(|series| series.metric == "db_connections_max");
            if has_pool != Process::WITH_DATABASE.contains(&process) {
                return Err(format!("{process} exposes db_connections_max: {has_pool}"));
            }
            exposed.extend(of_process);
        }
        let missing: Vec<_> =
            wanted.iter().filter(|one| !exposed.iter().any(|series| one.selects(series))).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("no process exposes {missing:?}")) }
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
