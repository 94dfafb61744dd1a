"""Lists and runs the test executables of the workspace, for .ci/servers."""

import dataclasses
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# If a package depends on one of these, its tests may depend on the backends.
BACKENDS = {"sqlx", "rdkafka"}


@dataclasses.dataclass(frozen=True)
class Suite:
    package: str
    # "test" for integration tests; "lib" or "bin" for unit tests.
    kind: str
    target: str
    directory: Path
    executable: str
    uses_backends: bool

    def __str__(self):
        return self.package

    def tests(self, *arguments):
        """The names of its tests."""
        command = [self.executable, "--list", *arguments]
        listed = subprocess.run(command, cwd=self.directory, stdout=subprocess.PIPE, text=True, check=True).stdout
        return re.findall(r"^(\S+): test$", listed, re.MULTILINE)


def build(*flags):
    """The suites that `cargo test` would run with these flags. With --workspace, no suite may be missing."""
    metadata = json.loads(cargo("metadata", "--format-version=1", "--locked"))
    packages = {package["id"]: package for package in metadata["packages"] if package["id"] in metadata["workspace_members"]}
    with_backends = reaching(metadata, BACKENDS)
    messages = cargo("test", "--locked", "--no-run", "--message-format=json-render-diagnostics", *flags).splitlines()
    suites = []
    for message in map(json.loads, messages):
        if message.get("executable") and message["profile"]["test"]:
            package, target = packages[message["package_id"]], message["target"]
            directory = Path(package["manifest_path"]).parent
            uses_backends = package["id"] in with_backends
            suites.append(
                Suite(package["name"], target["kind"][0], target["name"], directory, message["executable"], uses_backends))
    if "--workspace" in flags:
        expected = {(package["name"], target["name"]) for package in packages.values() for target in package["targets"] if target["test"]}
        if missing := expected - {(suite.package, suite.target) for suite in suites}:
            raise SystemExit(f"cargo built no tests of {sorted(missing)}")
    return suites


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def reaching(metadata, names):
    """The packages that depend on one of `names`, directly or not, outside of their tests."""
    depend_on = {
        node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        for node in metadata["resolve"]["nodes"]
    }
    named = {package["id"] for package in metadata["packages"] if package["name"] in names}

    @functools.cache
    def reaches(package):
        return package in named or any(map(reaches, depend_on[package]))

    return {package for package in depend_on if reaches(package)}


class Runs:
    """Runs suites, and records the number of passed tests and the failed suites. All suites run even if one fails."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed, self.failed, self.running = 0, [], {}

    def suite(self, suite, label, arguments, environment):
        label, began = f"{label}{suite}", time.monotonic()
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            self.running[label] = output
            done = subprocess.run(
                [suite.executable, *arguments], cwd=suite.directory, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, check=False)
            output.seek(0)
            printed = output.read()
            del self.running[label]
        result = re.search(r"^test result: ok\. (\d+) passed", printed, re.MULTILINE)
        seconds = time.monotonic() - began
        with self.lock:
            print(f"{printed.strip()}\n-- {seconds:5.0f}s  {label}", flush=True)
            record(seconds, label)
            self.passed += int(result[1]) if result else 0
            if done.returncode != 0 or not result:
                self.failed.append(label)

    def lanes(self, *lanes):
        """Runs lanes concurrently. A lane is a list of functions that are called one after the other."""
        def drive(lane):
            for step in lane:
                step()
        threads = [threading.Thread(target=drive, args=[lane], daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def show_running(self):
        for label, output in list(self.running.items()):
            output.seek(0)
            print(f"{output.read()}-- still running at the end: {label}", flush=True)

    def end(self):
        """Adds the number of passed tests to $MARQUEE_TEST_COUNT. Fails if a suite failed or no test ran."""
        counter = Path(os.environ["MARQUEE_TEST_COUNT"])
        counter.write_text(f"{int(counter.read_text() if counter.exists() else 0) + self.passed}\n")
        print(f"{self.passed} passed")
        if self.failed:
            raise SystemExit("FAILED: " + ", ".join(self.failed))
        if self.passed == 0:
            raise SystemExit("no test ran")


def record(seconds, label):
    """Records a duration for the summary of .ci/run."""
    if times := os.environ.get("MARQUEE_TIMES"):
        with open(times, "a") as file:
            print(f"{seconds:.0f} {label}", file=file)


def main(run):
    """Calls `run` with new `Runs`. If the gate stops it at its time limit, prints the output of the suites that hang."""
    if "MARQUEE_TEST_COUNT" not in os.environ:
        raise SystemExit("MARQUEE_TEST_COUNT is set by .ci/run")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runs = Runs()
    try:
        run(runs)
    except SystemExit:
        runs.show_running()
        raise
    runs.end()
