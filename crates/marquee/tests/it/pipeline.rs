//! Runs the shell commands of `buildspec.yml` and of the GitHub workflow against stand-ins that record their
//! calls.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use marquee::fleet::Process;
use serde_json::Value;
use tempfile::TempDir;

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
const TAG: &str = "0123456789ab";
const REGISTRY: &str = "42.dkr.ecr.ap-northeast-2.amazonaws.com";

/// Answers like the real program, records its arguments, and fails if they contain $FAILING.
const STAND_IN: &str = r#"#!/bin/bash
asked="$(basename "$0") $*"
echo "$asked" >>"$RECORD"
case $asked in
    'aws ecr get-login-password'*) echo a-password ;;
    # The writer must not find the pipe closed.
    'sha256sum '*) cat >/dev/null ;;
    'docker login'*) echo "logged in with $(cat)" >>"$RECORD" ;;
    'docker inspect'*)
        image=${!#}
        echo "elsewhere.example/image@sha256:0"
        echo "${image%:*}@sha256:of-$(basename "${image%:*}")"
        ;;
    'cargo cyclonedx'*)
        mkdir -p crates/marquee services/{book,payment,processor,ticket,point,mypage} gateway
        for package in services/* gateway crates/marquee; do echo '{}' >"$package/marquee-sbom.json"; done
        ;;
    'cargo deny --locked fetch db') mkdir -p "$HOME/.cargo/advisory-dbs/advisories/.git" ;;
    'docker save '*) echo "$2" >"$4" ;;
    # The downloaded file is a stand-in, too.
    'curl '*' -o rustup-init '*) cp "$0" rustup-init ;;
    'kubectl apply -k '*) cat "$3/kustomization.yaml" >"$RECORD.applied" ;;
esac
[ -z "${FAILING:-}" ] || [[ $asked != *"$FAILING"* ]]
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn yaml(file: &str) -> Value {
    serde_norway::from_str(&fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

/// A checkout of the files that the pipelines use, with stand-ins for external programs.
struct Checkout {
    directory: TempDir,
    env: BTreeMap<&'static str, String>,
}

impl Checkout {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let at = directory.path();
        let copied = Command::new("cp")
            .arg("-r")
            .args([".ci", "docker", "k8s", "Cargo.toml"].map(|name| root().join(name)))
            .arg(at)
            .status();
        assert!(copied.unwrap().success());
        let bin = at.join("bin");
        fs::create_dir(&bin).unwrap();
        for name in ["aws", "docker", "kubectl", "cargo", "curl"] {
            stand_in(&bin, name);
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let record = at.join("record").display().to_string();
        let env = [
            ("PATH", path),
            // rustup would put its own programs before the stand-ins.
            ("HOME", at.join("home").display().to_string()),
            ("RECORD", record),
            ("AWS_DEFAULT_REGION", "ap-northeast-2".to_owned()),
            ("CLUSTER", "movie".to_owned()),
            ("OVERLAY", "k8s/overlays/production".to_owned()),
        ];
        Self { directory, env: env.into() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.to_owned());
        self
    }

    fn bash(&self, script: &str) -> Output {
        let mut bash = Command::new("bash");
        bash.arg("-eo").arg("pipefail").arg("-c").arg(script).current_dir(self.directory.path());
        bash.env_clear().envs(&self.env).output().unwrap()
    }

    fn calls(&self) -> Vec<String> {
        let record = fs::read_to_string(self.directory.path().join("record")).unwrap_or_default();
        // The name of a temporary directory differs each time.
        record.lines().map(|line| line.split("release.").next().unwrap().to_owned()).collect()
    }

    fn applied(&self) -> String {
        fs::read_to_string(self.directory.path().join("record.applied")).unwrap()
    }
}

fn stand_in(bin: &Path, name: &str) {
    fs::write(bin.join(name), STAND_IN).unwrap();
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

/// The commands of `phases`. CodeBuild runs them in one shell.
fn codebuild(phases: &[&str]) -> String {
    let buildspec = yaml("buildspec.yml");
    assert_eq!(buildspec["version"], 0.2);
    let commands = phases.iter().flat_map(|phase| {
        let commands = buildspec["phases"][phase]["commands"].as_array();
        commands.unwrap().iter().map(|command| command.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    });
    commands.collect::<Vec<_>>().join("\n")
}

const LOGIN: [&str; 3] = ["aws ecr get-login-password", "docker login", "logged in"];
const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];

fn on_codebuild() -> Checkout {
    let checkout = Checkout::new();
    // The downloaded rustup is a stand-in, so its checksum would differ.
    stand_in(&checkout.directory.path().join("bin"), "sha256sum");
    checkout
        .with("AWS_ACCOUNT_ID", "42")
        .with("CODEBUILD_RESOLVED_SOURCE_VERSION", REVISION)
        .with("CODEBUILD_BUILD_SUCCEEDING", "1")
}

/// The images, in the order in which they are pushed: those of the processes, and that of the commands.
const IMAGES: [&str; 8] = ["gateway", "book", "payment", "processor", "ticket", "point", "mypage", "marquee"];

/// Maps the names of the processes, which are deployed in the order of their images.
fn each(made: impl Fn(&str) -> String) -> Vec<String> {
    IMAGES.into_iter().filter(|name| *name != "marquee").map(made).collect()
}

#[test]
fn codebuild_tests_builds_pushes_and_deploys_by_digest() {
    let checkout = on_codebuild();
    let output = checkout.bash(&codebuild(&PHASES));
    assert!(output.status.success(), "{output:?}");
    let build = |name: &str| {
        let selected = match name {
            "marquee" => "--target command".to_owned(),
            "gateway" => "--build-arg BIN=gateway --build-arg PORT=8088".to_owned(),
            _ => format!("--build-arg BIN={name} --build-arg PORT=8080"),
        };
        let arguments = format!("{selected} --build-arg VERSION={TAG} --build-arg REVISION={REVISION}");
        let at = checkout.directory.path().canonicalize().unwrap().display().to_string();
        format!("docker build -f {at}/docker/Dockerfile {arguments} -t marquee/{name}:{TAG} {at}")
    };
    let push = IMAGES.into_iter().flat_map(|name| {
        let image = format!("{REGISTRY}/marquee/{name}:{TAG}");
        [
            format!("docker tag marquee/{name}:{TAG} {image}"),
            format!("docker push {image}"),
            format!("docker inspect --format {{{{range .RepoDigests}}}}{{{{println .}}}}{{{{end}}}} {image}"),
        ]
    });
    let expected: Vec<String> = [
        "curl --proto =https --tlsv1.2 -fsS -o rustup-init \
         https://static.rust-lang.org/rustup/archive/1.28.2/x86_64-unknown-linux-gnu/rustup-init",
        "sha256sum --check --strict",
        "rustup-init -y --profile minimal --default-toolchain none",
        "cargo test --workspace --locked",
        "aws ecr get-login-password --region ap-northeast-2",
        &format!("docker login --username AWS --password-stdin {REGISTRY}"),
        "logged in with a-password",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(IMAGES.map(build))
    .chain([
        "cargo install --locked cargo-cyclonedx --version 0.5.7".to_owned(),
        "cargo cyclonedx --quiet --format json --spec-version 1.5 --target all --override-filename marquee-sbom \
         --manifest-path Cargo.toml"
            .to_owned(),
    ])
    .chain(push)
    .chain([
        "aws eks update-kubeconfig --name movie --region ap-northeast-2".to_owned(),
        "kubectl apply -k k8s/overlays/".to_owned(),
    ])
    .chain(each(|name| format!("kubectl --namespace movie rollout status deployment/{name} --timeout=420s")))
    .collect();
    let mut asked = checkout.calls();
    // A pipe passes the password, so both of its programs start at the same time.
    asked[4..7].sort_by_key(|line| expected.iter().position(|other| other == line));
    assert_eq!(asked, expected);

    let applied: Value = serde_norway::from_str(&checkout.applied()).unwrap();
    assert_eq!(applied["resources"][0], "../production");
    let names: BTreeSet<_> = Process::ALL.map(Process::name).into_iter().chain(["marquee"]).collect();
    assert_eq!(names, BTreeSet::from(IMAGES));
    for name in IMAGES {
        let images = applied["images"].as_array().unwrap();
        let image = images.iter().find(|image| image["name"] == format!("marquee/{name}")).unwrap();
        assert_eq!(image["newName"], format!("{REGISTRY}/marquee/{name}"));
        assert_eq!(image["digest"], format!("sha256:of-{name}"));
        assert!(checkout.directory.path().join(format!("sbom/{name}.cdx.json")).exists(), "{name}");
    }
    let overlays = fs::read_dir(checkout.directory.path().join("k8s/overlays")).unwrap();
    let left =
        overlays.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("release"));
    assert_eq!(left.count(), 0);
}

#[test]
fn failed_rollout_is_undone_for_all_processes() {
    let checkout = on_codebuild().with("FAILING", "rollout status deployment/payment");
    assert!(!checkout.bash(&codebuild(&PHASES)).status.success());
    let asked = checkout.calls();
    let names = each(|name| format!("deployment/{name}")).join(" ");
    let undone = format!("kubectl --namespace movie rollout undo {names}");
    let at = asked.iter().position(|line| *line == undone).unwrap();
    assert!(asked[at - 1].contains("rollout status deployment/payment"), "{asked:?}");
    assert!(asked[at + 1..].iter().all(|line| line.contains("rollout status")), "{asked:?}");
}

#[test]
fn failed_step_ends_the_pipeline() {
    for (failing, never) in [
        ("sha256sum --check", "rustup-init"),
        ("rustup-init -y", "cargo test"),
        ("cargo test", "docker build"),
        ("docker login", "docker build"),
        ("docker build", "docker push"),
        ("docker push", "kubectl"),
        ("docker inspect", "kubectl"),
        ("eks update-kubeconfig", "kubectl"),
    ] {
        let checkout = on_codebuild().with("FAILING", failing);
        assert!(!checkout.bash(&codebuild(&PHASES)).status.success(), "{failing}");
        let asked = checkout.calls();
        assert!(asked.iter().any(|line| line.contains(failing)), "{failing}: {asked:?}");
        assert!(!asked.iter().any(|line| line.starts_with(never)), "{failing}: {asked:?}");
    }
}

#[test]
fn failed_build_pushes_nothing() {
    let checkout = on_codebuild().with("CODEBUILD_BUILD_SUCCEEDING", "0");
    assert!(!checkout.bash(&codebuild(&["post_build"])).status.success());
    assert_eq!(checkout.calls(), Vec::<String>::new());
}

#[test]
fn token_gives_access_to_the_cluster_and_its_certificate_is_verified() {
    let checkout = on_codebuild()
        .with("KUBE_URL", "https://cluster.example")
        .with("KUBE_TOKEN", "a-token")
        .with("KUBE_CA", "YW4gYXV0aG9yaXR5");
    let output = checkout.bash(&codebuild(&PHASES));
    assert!(output.status.success(), "{output:?}");
    let authority = fs::read_to_string(checkout.directory.path().join("authority.pem")).unwrap();
    assert_eq!(authority, "an authority");
    let asked = checkout.calls();
    let cluster = "kubectl config set-cluster k8s --server=https://cluster.example \
                   --certificate-authority=authority.pem --embed-certs";
    assert!(asked.iter().any(|line| line == cluster), "{asked:?}");
    assert!(asked.iter().any(|line| line == "kubectl config set-credentials admin --token=a-token"));
    assert!(!asked.iter().any(|line| line.contains("insecure") || line.contains("update-kubeconfig")));
}

/// Runs the steps of a job of the workflow for GitHub.
fn run_job(name: &str, checkout: &Checkout) -> Result<(), Output> {
    let workflow = yaml(".github/workflows/deploy.yml");
    let job = &workflow["jobs"][name];
    for step in job["steps"].as_array().unwrap() {
        let Some(script) = step["run"].as_str() else { continue };
        let output = checkout.bash(script);
        if !output.status.success() {
            return Err(output);
        }
    }
    Ok(())
}

/// Runs the job that builds, and returns its checkout and the digests of its images.
fn built() -> (Checkout, String) {
    let checkout = Checkout::new().with("REVISION", REVISION);
    let outputs = checkout.directory.path().join("outputs");
    let checkout = checkout.with("GITHUB_OUTPUT", &outputs.display().to_string());
    run_job("images", &checkout).unwrap();
    let outputs = fs::read_to_string(outputs).unwrap();
    let digests = outputs.strip_prefix("digests<<END\n").unwrap().strip_suffix("\nEND\n").unwrap().to_owned();
    (checkout, digests)
}

/// A checkout for the job that deploys, with the images of the job that builds.
fn to_deploy(built: &Checkout, digests: &str) -> Checkout {
    let checkout =
        Checkout::new().with("REGISTRY", REGISTRY).with("REVISION", REVISION).with("DIGESTS", digests);
    let images = built.directory.path().join("images");
    let copied = Command::new("cp").arg("-r").arg(images).arg(checkout.directory.path()).status();
    assert!(copied.unwrap().success());
    checkout
}

#[test]
fn github_does_the_same_in_three_jobs() {
    let codebuild_checkout = on_codebuild();
    assert!(codebuild_checkout.bash(&codebuild(&PHASES)).status.success());

    let tests = Checkout::new();
    run_job("test", &tests).unwrap();
    let (images, digests) = built();
    let deployment = to_deploy(&images, &digests);
    let workflow = yaml(".github/workflows/deploy.yml");
    assert_eq!(workflow["jobs"]["deploy"]["env"]["OVERLAY"], deployment.env["OVERLAY"].as_str());
    run_job("deploy", &deployment).unwrap();

    let comparable = |checkouts: &[&Checkout]| -> Vec<String> {
        let lines = checkouts.iter().flat_map(|checkout| {
            let at = checkout.directory.path().canonicalize().unwrap().display().to_string();
            checkout.calls().into_iter().map(move |line| line.replace(&at, ""))
        });
        // On GitHub, Rust is installed, dependencies are checked, and the images pass from one job to the
        // other.
        let apart =
            ["curl", "sha256sum", "rustup-init", "cargo install --locked --quiet cargo-deny", "cargo deny"];
        let apart = [&apart[..], &["docker save", "docker load"], &LOGIN].concat();
        lines.filter(|line| !apart.iter().any(|start| line.starts_with(start))).collect()
    };
    assert_eq!(comparable(&[&tests, &images, &deployment]), comparable(&[&codebuild_checkout]));
    for start in LOGIN {
        assert!(deployment.calls().iter().any(|line| line.starts_with(start)), "{start}");
    }
    assert!(
        tests
            .calls()
            .iter()
            .any(|line| line == "cargo deny --offline --locked check bans licenses sources advisories")
    );
}

#[test]
fn image_that_differs_from_the_built_one_is_not_deployed() {
    let (images, digests) = built();
    fs::write(images.directory.path().join("images/ticket.tar"), "another").unwrap();
    let deployment = to_deploy(&images, &digests);
    let refused = run_job("deploy", &deployment).unwrap_err();
    assert!(String::from_utf8_lossy(&refused.stdout).contains("images/ticket.tar: FAILED"), "{refused:?}");
    assert_eq!(deployment.calls(), Vec::<String>::new());

    // An image without a digest is not even loaded.
    let (images, digests) = built();
    fs::write(images.directory.path().join("images/another.tar"), "another").unwrap();
    let deployment = to_deploy(&images, &digests);
    run_job("deploy", &deployment).unwrap();
    let loaded: Vec<_> =
        deployment.calls().into_iter().filter(|line| line.starts_with("docker load")).collect();
    assert_eq!(loaded.len(), IMAGES.len(), "{loaded:?}");
    assert!(!loaded.iter().any(|line| line.contains("another")), "{loaded:?}");
    assert!(run_job("deploy", &to_deploy(&images, "")).is_err());
}
