//! `k8s/verify` after a failure, against a stand-in for kubectl.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Answers for a namespace in which `restricted` is not enforced, ticket cannot start and book is not healthy.
const KUBECTL: &str = r#"#!/bin/bash
shift 2 # --namespace movie
case "$*" in
    'get namespace movie -o json') echo '{"metadata": {"labels": {}}}' ;;
    'get deployments'*) echo '{"items": [{"kind": "Deployment", "metadata": {"name": "book"}, "spec": {}}]}' ;;
    'get pods -o json') cat <<'JSON' ;;
{"items": [
  {"metadata": {"name": "ticket-1"},
   "spec": {"containers": [{"name": "ticket", "ports": [{"containerPort": 8080}]}]},
   "status": {"phase": "Running", "containerStatuses": [{"name": "ticket", "restartCount": 3,
     "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}}]}},
  {"metadata": {"name": "book-1"},
   "spec": {"containers": [{"name": "book", "ports": [{"containerPort": 8080}]}]},
   "status": {"phase": "Running", "containerStatuses": [{"name": "book", "restartCount": 0,
     "state": {"running": {"startedAt": "2026-11-30T12:00:00Z"}}}]}},
  {"metadata": {"name": "point-1"},
   "spec": {"containers": [{"name": "point", "ports": [{"containerPort": 8080}]}]},
   "status": {"phase": "Pending"}}
]}
JSON
    'get events'*) cat <<'JSON' ;;
{"items": [
  {"type": "Warning", "reason": "BackOff", "count": 7, "message": "restarting\n failed container",
   "involvedObject": {"name": "ticket-1"}},
  {"type": "Warning", "reason": "ProvisioningFailed", "message": "no storage class", "series": null,
   "involvedObject": {"name": "point-data"}}
]}
JSON
    'get --raw '*'/pods/book-1:8080/proxy/readyz') echo '{"status":"DOWN"}'; exit 1 ;;
    'logs ticket-1 --container ticket --tail=1 --previous') echo 'cannot start: /data is not writable' ;;
    'logs book-1 --container book --tail=1') echo 'the database does not answer' ;;
esac
"#;

#[test]
fn failure_ends_with_the_state_the_last_log_line_and_the_events_of_each_pod() {
    let directory = tempfile::tempdir().unwrap();
    let kubectl = directory.path().join("kubectl");
    fs::write(&kubectl, KUBECTL).unwrap();
    fs::set_permissions(&kubectl, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../k8s/verify");
    let output = Command::new(script).arg("security").env("PATH", path).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let expected = "
ticket-1: Running
  ticket: waiting (CrashLoopBackOff, back-off 40s) after 3 restarts
    last line of its log: cannot start: /data is not writable
  event: Warning BackOff (7x): restarting failed container

book-1: Running
  book: running
    /readyz: {\"status\":\"DOWN\"}
    last line of its log: the database does not answer
  event: none

point-1: Pending
  point: not created
  event: none

point-data:
  event: Warning ProvisioningFailed (1x): no storage class
";
    assert!(printed.contains(expected), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.trim_end().contains("FAILED in security: restricted is not enforced"), "{printed}");
}
