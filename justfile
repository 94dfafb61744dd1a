# Everyday commands. `just` lists them; flags are passed to the command: `just up --port-base 9080`.

[private]
default:
    @just --list

# run the whole fleet on this machine, with its data in ./data
up *flags:
    cargo run --release -- {{ flags }}

# run the demo scenario against the running fleet
demo *flags:
    cargo run --release -- demo {{ flags }}

# book from many clients at once, and check the results
load *flags:
    cargo run --release -- load {{ flags }}

# list, show or replay the events that a service could not apply: `just dlq list`, `just dlq show 0-17`, `just dlq replay`
dlq *command:
    cargo run --release -- dlq {{ command }}

# run PostgreSQL and Kafka on this machine: `eval "$(just backends up)"`, `just backends kill postgres`, `just backends down`
backends *command:
    @.ci/backends {{ command }}

# run all tests, or those that match a name
test *filter:
    cargo test --workspace {{ filter }}

# test the promises of k8s/ on the cluster of kubectl's context: `just verify`, `just verify apply demo rollouts`
verify *parts:
    k8s/verify {{ parts }}

# run a benchmark: `just bench events`, `bookings`, `backends`, `on-sale`, `memory`, `catch-up`, `gateway`, `doors`, `pool`, `pages`
bench *command:
    cargo build --profile dist -p marquee -p bench
    target/dist/bench {{ command }}

# inject faults while 64 customers book, and check every response: `just chaos --minutes 3 --seed 7`, `--on files`
chaos *flags:
    cargo build --release -p marquee -p chaos
    target/release/chaos {{ flags }}

# fuzz the code that reads heads and bodies: `just fuzz head`, `json`, `accept`, `answer`, `body`
fuzz target *flags:
    cargo fuzz run --fuzz-dir crates/fuzz -s none {{ target }} -- -dict=crates/fuzz/dictionaries/{{ target }}.txt {{ flags }}

# change one line at a time, and show the changes that no test detects: `just mutants payment -f 'services/payment/src/app/**'`
mutants package *flags:
    MODEL_STEPS=3000 CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo mutants -p {{ package }} --timeout 60 --no-shuffle -o target/mutants {{ flags }} -- --lib --test it

# compare the records of all services, booking by booking: `just audit`, `just audit --repair`
audit *flags:
    cargo run --release -- audit {{ flags }}

# run the seeds' load tests, with the seeds' figures next to ours; writes siege/SCOREBOARD.md
scoreboard:
    cargo build --release
    siege/scoreboard.sh

# check formatting and clippy, as the gate does
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# check the rules on rooms, crates and links
rooms:
    .ci/rooms --self-test
    .ci/rooms

# check licenses, sources and duplicate frameworks
deny:
    .ci/deny

# update the OpenAPI snapshots; review the difference
openapi:
    UPDATE_SNAPSHOTS=1 cargo test --workspace openapi
    UPDATE_SNAPSHOTS=1 cargo test --package gateway openapi

# generate clients from the fleet's OpenAPI document, and book with each of them
clients:
    cargo build --release
    .ci/clients

# update the description and the schemas of the events, and check that they are compatible with the last release
asyncapi:
    UPDATE_SNAPSHOTS=1 cargo test -p events asyncapi
    .ci/asyncapi

# run the whole gate, as CI does
gate:
    .ci/run
