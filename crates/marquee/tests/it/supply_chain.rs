//! External images and actions are pinned by digest, and the pipeline has no more permissions than it needs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `name:tag@sha256:…`
fn is_pinned_image(image: &str) -> bool {
    image.split_once("@sha256:").is_some_and(|(name, digest)| name.contains(':') && is_hex(digest, 64))
}

fn workflows() -> Vec<(String, Value)> {
    let directory = root().join(".github/workflows");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let workflows: Vec<_> = files
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            let workflow = serde_norway::from_str(&text).unwrap();
            (text, workflow)
        })
        .collect();
    assert!(!workflows.is_empty());
    workflows
}

#[test]
fn external_images_are_pinned_by_digest() {
    let dockerfile = read("docker/Dockerfile");
    let mut bases = 0;
    for line in dockerfile.lines() {
        if let Some(image) = line.strip_prefix("FROM ") {
            assert!(image.starts_with("${BUILD_IMAGE}") || image.starts_with("${RUNTIME_IMAGE}"), "{line}");
        }
        let argument = line.strip_prefix("ARG ").and_then(|line| line.split_once("_IMAGE="));
        if let Some((_, image)) = argument {
            assert!(is_pinned_image(image), "{line}");
            bases += 1;
        }
    }
    assert_eq!(bases, 2);
    let compose: Value = serde_norway::from_str(&read("docker/compose.yaml")).unwrap();
    for (name, service) in compose["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        assert!(image.starts_with("marquee/") || is_pinned_image(image), "{name}: {image}");
    }
}

#[test]
fn actions_are_pinned_by_commit_with_their_version() {
    for (text, _) in workflows() {
        let uses: Vec<_> = text.lines().filter(|line| line.contains("uses: ")).collect();
        assert!(!uses.is_empty());
        for line in uses {
            let (_, action) = line.split_once("uses: ").unwrap();
            let (_, commit) = action.split_once('@').unwrap();
            let (commit, version) = commit.split_once(" # v").unwrap_or_else(|| panic!("{line}"));
            assert!(
                is_hex(commit, 40) && version.split('.').all(|part| part.parse::<u16>().is_ok()),
                "{line}"
            );
        }
    }
}

#[test]
fn only_the_deploying_job_has_an_identity_and_it_builds_nothing() {
    for (_, workflow) in workflows() {
        assert_eq!(workflow["permissions"], json!({}));
        for (name, job) in workflow["jobs"].as_object().unwrap() {
            let runs: Vec<_> =
                job["steps"].as_array().unwrap().iter().filter_map(|step| step["run"].as_str()).collect();
            let has_identity = job["permissions"]["id-token"] == "write";
            assert_eq!(has_identity, name == "deploy", "{name}");
            if has_identity {
                assert_eq!(job["environment"], "production");
                assert_eq!(job["needs"], json!(["test", "images"]));
                assert!(runs.iter().any(|run| run.contains("sha256sum --check --strict")), "{runs:?}");
                assert!(
                    !runs.iter().any(|run| run.contains("cargo") || run.contains("docker/build")),
                    "{runs:?}"
                );
            } else {
                assert_eq!(job["permissions"], json!({ "contents": "read" }), "{name}");
                assert!(job.get("environment").is_none(), "{name}");
            }
            for step in job["steps"].as_array().unwrap() {
                if step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], false, "{name}");
                }
            }
        }
    }
}
