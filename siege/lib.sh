# What the load tests share: a fleet, a siege, a scoreboard and its bars. Sourced, not run.
#
#   TARGET           up (default): a fleet of its own on embedded backends; servers: the same on a PostgreSQL and a Kafka of
#                    its own (.ci/backends); or the URL of a gateway: a compose project, a cluster
#   MARQUEE          the launcher's binary (default: target/release/marquee)
#   SECONDS_OF_LOAD  how long the load lasts (default: what the seed's test took)
#   SCOREBOARD       a file to append the scoreboard to, as Markdown
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
TARGET=${TARGET:-up}
MARQUEE=${MARQUEE:-${CARGO_TARGET_DIR:-$root/target}/release/marquee}
export SIEGERC=$here/siegerc
name=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/siege-$name.XXXXXX")
chmod 755 "$work"
started=()
missed=0
gateway=

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$name" "$1" >&2; exit 2; }

command -v siege >/dev/null || die 'siege is missing: apt-get install siege'
command -v curl >/dev/null || die 'curl is missing'

# Ends what was started here, by its id, newest first.
clean_up() {
    local at
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        kill -TERM "${started[at]}" 2>/dev/null || true
    done
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        wait "${started[at]}" 2>/dev/null || true
    done
    if [ -e "$work/backends" ]; then MARQUEE_BACKENDS=$work/backends "$root/.ci/backends" down >/dev/null || true; fi
    if [ -n "${KEEP:-}" ]; then say "everything is kept in $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# A run of nine free ports: the launcher's port base.
free_port_base() {
    python3 - <<'PYTHON'
import random, socket
while True:
    base = random.randrange(20000, 30000, 10)
    try:
        sockets = [socket.create_server(("127.0.0.1", base + at)) for at in range(1, 9)]
    except OSError:
        continue
    print(base)
    break
PYTHON
}

# within SECONDS COMMAND…: until it succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
        sleep 0.1
    done
}

# The gateway shows each replica only to staff: with their token in STAFF_TOKEN, every replica must be up, else one of each
# service.
fleet_status() {
    curl -s -m 3 "$@" ${STAFF_TOKEN:+-H "X-Staff-Token: $STAFF_TOKEN"} "$gateway/status"
}

all_are_up() {
    local status
    status=$(fleet_status -f) || return 1
    ! grep -q '"status":"DOWN"' <<<"$status"
}

# A PostgreSQL and a Kafka, told to the fleet by the environment.
servers_up() {
    local told
    say 'starting PostgreSQL and Kafka'
    mkdir "$work/backends"
    chmod 755 "$work/backends"
    told=$(MARQUEE_BACKENDS=$work/backends "$root/.ci/backends" up)
    eval "$told"
    export DATABASE_URL_PREFIX=${TEST_POSTGRES_URL%/*}/
    export EVENTS_URL=${TEST_KAFKA_URL%/*}/movie
}

# fleet_up [VARIABLE=VALUE…]: brings up the fleet with these settings, or finds the one that TARGET leads to.
fleet_up() {
    case $TARGET in
        http://* | https://*)
            gateway=${TARGET%/}
            say "the fleet at $gateway; it must have been started with: ${*:-no settings of its own}"
            ;;
        up | servers)
            [ -x "$MARQUEE" ] || die "$MARQUEE is not there: cargo build --release"
            if [ "$TARGET" = servers ]; then servers_up; fi
            base=$(free_port_base)
            gateway=http://127.0.0.1:$((base + 8))
            env LOG_FORMAT=pretty RUST_LOG=warn "$@" "$MARQUEE" up --data-dir "$work/data" --port-base "$base" \
                >"$work/fleet.log" 2>&1 &
            started+=($!)
            ;;
        *) die "TARGET=$TARGET: up, servers, or the URL of a gateway" ;;
    esac
    within 120 all_are_up || die "the fleet is not up: $(tail -n 5 "$work/fleet.log" 2>/dev/null)"
}

own_fleet() { [ "$TARGET" = up ] || [ "$TARGET" = servers ]; }

# gone SERVICE: kills it, as a crash would. On another's fleet: by STOP, a command that is given its name.
gone() {
    if own_fleet; then kill -KILL "$(cat "$work/data/run/$1.pid")"
    else ${STOP:?a command that takes a service away, such as one of kubectl scale} "$1"; fi
}

# back SERVICE [VARIABLE=VALUE…]: starts it again. On another's fleet: by START.
back() {
    local service=$1
    shift
    if own_fleet; then
        env LOG_FORMAT=pretty RUST_LOG=warn "$@" "$MARQUEE" service "$service" --data-dir "$work/data" \
            --port-base "$base" >>"$work/$service.log" 2>&1 &
        started+=($!)
    else ${START:?a command that brings it back} "$service"; fi
}

# besiege LOG USERS SECONDS PATH_AND_REQUEST: one line a request in LOG, siege's own summary on the screen.
besiege() {
    local log=$1 users=$2 seconds=$3 request=$4
    say "siege -b -c$users -t${seconds}S --content-type application/json '$gateway$request'"
    siege -R "$SIEGERC" -b -c"$users" -t"${seconds}S" --content-type 'application/json' "$gateway$request" \
        >"$log" 2>"$log.summary" || true
    grep -E '^(Transactions|Availability|Elapsed|Data|Response|Transaction|Throughput|Concurrency|Successful|Failed|Longest|Shortest)' \
        "$log.summary" "$log" -h || true
}

# What siege saw, one request a line: status and seconds. Where no answer came, the status is 0.
requests() { awk '/^HTTP\/1\.[01] [0-9]/ { print $2, $3 } /^\[error\] (socket|read|poll)/ { print 0, 0 }' "$1"; }

# count LOG STATUS…: how many were answered so; without a status, all of them.
count() {
    local log=$1
    shift
    requests "$log" | awk -v wanted=" $* " 'wanted == "  " || index(wanted, " " $1 " ") { n++ } END { print n + 0 }'
}

# share PART WHOLE: in percent.
share() { awk -v part="$1" -v whole="$2" 'BEGIN { printf "%.2f", whole ? 100 * part / whole : 0 }'; }

# quantile LOG SHARE: in seconds, of the answered ones; siege counts in hundredths.
quantile() {
    requests "$1" | awk '$1 { print $2 }' | sort -n |
        awk -v share="$2" '{ at[NR] = $1 } END { n = int(NR * share + 0.999999); print NR ? at[n < 1 ? 1 : n] : "none" }'
}

# elapsed LOG: seconds, by siege's clock.
elapsed() { awk '/^Elapsed time:/ { print $3 }' "$1.summary" "$1" | head -n 1; }

rate() { awk -v n="$2" -v seconds="$(elapsed "$1")" 'BEGIN { printf "%.1f", (seconds > 0) ? n / seconds : 0 }'; }

ratio() { awk -v ours="$1" -v theirs="$2" 'BEGIN { if (theirs > 0) printf "%.1f×", ours / theirs; else print "–" }'; }

row() { printf '| %-38s | %12s | %12s | %8s |\n' "$1" "$2" "$3" "$4" | tee -a "$work/board"; }

# board TITLE: begins the scoreboard.
board() {
    say ''
    {
        printf '### %s\n\n' "$1"
        printf '| %-38s | %12s | %12s | %8s |\n' '' ours "the seed's" ratio
        printf '|%s|%s:|%s:|%s:|\n' "$(printf -- '-%.0s' {1..40})" "$(printf -- '-%.0s' {1..13})" \
            "$(printf -- '-%.0s' {1..13})" "$(printf -- '-%.0s' {1..9})"
    } | tee -a "$work/board"
}

# outcome LOG SEED_AVAILABILITY SEED_RATE SEED_LONGEST: the rows that every scoreboard has; – where the seed tells nothing.
outcome() {
    local log=$1 all useful good status
    all=$(count "$log")
    useful=$(count "$log" 200 201 202 204 402 409 429 503)
    good=$(count "$log" 200 201)
    availability=$(share "$useful" "$all")
    done_at_once=$(share "$good" "$all")
    done_per_second=$(rate "$log" "$good")
    longest=$(quantile "$log" 1)
    row 'requests' "$all" – –
    row 'availability (a useful answer)' "$availability %" "${2/%[0-9]/& %}" "$(ratio "$availability" "${2/–/0}")"
    row 'done within the request (200, 201)' "$done_at_once %" "${2/%[0-9]/& %}" "$(ratio "$done_at_once" "${2/–/0}")"
    row 'done a second' "$done_per_second" "$3" "$(ratio "$done_per_second" "${3/–/0}")"
    row 'p50, p95, p99 (s)' "$(quantile "$log" 0.5) $(quantile "$log" 0.95) $(quantile "$log" 0.99)" – –
    row 'longest (s)' "$longest" "$4" –
    for status in $(requests "$log" | awk '{ print $1 }' | sort -n | uniq); do
        row "answered ${status/#0/not at all}" "$(count "$log" "$status")" – –
    done
}

# bar WHAT VALUE OPERATOR LIMIT: a figure that must hold.
bar() {
    local verdict=holds
    awk -v value="$2" -v limit="$4" "BEGIN { exit !(value + 0 $3 limit + 0) }" || { verdict=MISSED; missed=1; }
    printf -- '- %s: %s %s %s: %s\n' "$1" "$2" "$3" "$4" "$verdict" | tee -a "$work/bars"
}

# whole_again: everything that was promised has come true, by the auditor, where the fleet is our own.
whole_again() {
    own_fleet || return 0
    if "$MARQUEE" audit --help >/dev/null 2>&1; then
        local verdict=0
        "$MARQUEE" audit --data-dir "$work/data" --port-base "$base" >"$work/audit.log" 2>&1 || verdict=$?
        tail -n 3 "$work/audit.log"
        bar "the audit's exit code" "$verdict" == 0
    fi
}

# verdict: ends the script.
verdict() {
    say ''
    if [ -n "${SCOREBOARD:-}" ]; then
        { cat "$work/board"; printf '\n'; cat "$work/bars"; printf '\n'; } >>"$SCOREBOARD"
    fi
    if [ "$missed" -ne 0 ]; then say "$name: below the bar"; exit 1; fi
    say "$name: all bars hold"
}
