# The commands of every day. `just` alone lists them; flags go on to the command: `just up --port-base 9080`.

[private]
default:
    @just --list

# the whole fleet on this machine, data in ./data
up *flags:
    cargo run --release -- {{ flags }}

# walk the scenario against the fleet that is up
demo *flags:
    cargo run --release -- demo {{ flags }}

# book from many clients at once, and check what came of it
load *flags:
    cargo run --release -- load {{ flags }}

# the events that a service could not apply: `just dlq list`, `just dlq show 0-17`, `just dlq replay`
dlq *command:
    cargo run --release -- dlq {{ command }}

# a PostgreSQL and a Kafka of your own: `eval "$(just backends up)"`, `just backends kill postgres`, `just backends down`
backends *command:
    @.ci/backends {{ command }}

# all tests; a name picks some
test *filter:
    cargo test --workspace {{ filter }}

# show on the cluster of kubectl's context what k8s/ promises: `just verify`, `just verify apply demo rollouts`
verify *parts:
    k8s/verify {{ parts }}

# measure the fleet beside its servers: `just bench events`, `bookings`, `backends`, `on-sale`, `memory`, `catch-up`, `gateway`, `doors`, `pool`, `pages`
bench *command:
    cargo build --profile dist -p marquee -p bench
    target/dist/bench {{ command }}

# everything fails around 64 customers, and every answer is checked: `just chaos --minutes 3 --seed 7`, `--on files`
chaos *flags:
    cargo build --release -p marquee -p chaos
    target/release/chaos {{ flags }}

# throw generated heads and bodies at the code that reads them: `just fuzz head`, `json`, `accept`, `answer`, `body`
fuzz target *flags:
    cargo fuzz run --fuzz-dir crates/fuzz -s none {{ target }} -- -dict=crates/fuzz/dictionaries/{{ target }}.txt {{ flags }}

# change one line at a time, and show the changes that no test notices: `just mutants payment -f 'services/payment/src/app/**'`
mutants package *flags:
    MODEL_STEPS=3000 CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 cargo mutants -p {{ package }} --timeout 60 --no-shuffle -o target/mutants {{ flags }} -- --lib --test it

# compare what all services keep of every booking: `just audit`, `just audit --repair`
audit *flags:
    cargo run --release -- audit {{ flags }}

# the seeds' load tests with their figures beside ours; writes siege/SCOREBOARD.md
scoreboard:
    cargo build --release
    siege/scoreboard.sh

# formatting and clippy, as the gate has them
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# what each room may not name
rooms:
    .ci/rooms --self-test
    .ci/rooms

# licences, sources, one copy of each framework
deny:
    .ci/deny

# write the OpenAPI snapshots anew; review the difference
openapi:
    UPDATE_SNAPSHOTS=1 cargo test --workspace openapi

# everything, as CI runs it
gate:
    .ci/run
