# The shared functions of the load tests: a fleet, a siege, a scoreboard and its limits. Sourced, not run.
#
#   TARGET           up (default): starts a fleet with embedded backends; servers: starts it with PostgreSQL and Kafka
#                    (.ci/backends); or the URL of a gateway, such as of a compose project or a cluster
#   MARQUEE          the launcher's binary (default: target/release/marquee)
#   SECONDS_OF_LOAD  duration of the load (default: that of the seed's test)
#   SCOREBOARD       a file to which the scoreboard is appended, as Markdown
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

# Stops the processes that the script started, by their ids, the newest first.
clean_up() {
    local at
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        kill -TERM "${started[at]}" 2>/dev/null || true
    done
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        wait "${started[at]}" 2>/dev/null || true
    done
    if [ -e "$work/backends" ]; then MARQUEE_BACKENDS=$work/backends "$root/.ci/backends" down >/dev/null || true; fi
    if [ -n "${KEEP:-}" ]; then say "logs and data are in $work"; else rm -rf "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# Prints a port base for the launcher, after which nine ports are free.
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

# within SECONDS COMMAND…: repeats the command until it succeeds.
within() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ]; then return 1; fi
        sleep 0.1
    done
}

# The gateway shows replicas only to staff: with STAFF_TOKEN, every replica must be up; without, one of each service.
fleet_status() {
    curl -s -m 3 "$@" ${STAFF_TOKEN:+-H "X-Staff-Token: $STAFF_TOKEN"} "$gateway/status"
}

all_are_up() {
    local status
    status=$(fleet_status -f) || return 1
    ! grep -q '"status":"DOWN"' <<<"$status"
}

# Starts PostgreSQL and Kafka, and exports their addresses for the fleet.
servers_up() {
    local variables
    say 'starting PostgreSQL and Kafka'
    mkdir "$work/backends"
    chmod 755 "$work/backends"
    variables=$(MARQUEE_BACKENDS=$work/backends "$root/.ci/backends" up)
    eval "$variables"
    export DATABASE_URL_PREFIX=${TEST_POSTGRES_URL%/*}/
    export EVENTS_URL=${TEST_KAFKA_URL%/*}/movie
}

# fleet_up [VARIABLE=VALUE…]: starts a fleet with these settings, or uses the one at TARGET.
fleet_up() {
    case $TARGET in
        http://* | https://*)
            gateway=${TARGET%/}
            say "using the fleet at $gateway; it must have been started with: ${*:-default settings}"
            ;;
        up | servers)
            [ -x "$MARQUEE" ] || die "$MARQUEE does not exist: cargo build --release"
            if [ "$TARGET" = servers ]; then servers_up; fi
            base=$(free_port_base)
            gateway=http://127.0.0.1:$((base + 8))
            env LOG_FORMAT=pretty RUST_LOG=warn "$@" "$MARQUEE" up --data-dir "$work/data" --port-base "$base" \
                >"$work/fleet.log" 2>&1 &
            started+=($!)
            ;;
        *) die "TARGET=$TARGET: must be up, servers, or the URL of a gateway" ;;
    esac
    within 120 all_are_up || die "the fleet is not up: $(tail -n 5 "$work/fleet.log" 2>/dev/null)"
}

own_fleet() { [ "$TARGET" = up ] || [ "$TARGET" = servers ]; }

# kill_service SERVICE: kills a service, as a crash would. On an external fleet, runs the command STOP with its name.
kill_service() {
    if own_fleet; then kill -KILL "$(cat "$work/data/run/$1.pid")"
    else ${STOP:?a command that stops a service, such as kubectl scale} "$1"; fi
}

# start_service SERVICE [VARIABLE=VALUE…]: starts a service again. On an external fleet, runs the command START with its name.
start_service() {
    local service=$1
    shift
    if own_fleet; then
        env LOG_FORMAT=pretty RUST_LOG=warn "$@" "$MARQUEE" service "$service" --data-dir "$work/data" \
            --port-base "$base" >>"$work/$service.log" 2>&1 &
        started+=($!)
    else ${START:?a command that starts a service} "$service"; fi
}

# besiege LOG USERS SECONDS PATH_AND_REQUEST: writes one line per request to LOG, and prints siege's summary.
besiege() {
    local log=$1 users=$2 seconds=$3 request=$4
    say "siege -b -c$users -t${seconds}S --content-type application/json '$gateway$request'"
    siege -R "$SIEGERC" -b -c"$users" -t"${seconds}S" --content-type 'application/json' "$gateway$request" \
        >"$log" 2>"$log.summary" || true
    grep -E '^(Transactions|Availability|Elapsed|Data|Response|Transaction|Throughput|Concurrency|Successful|Failed|Longest|Shortest)' \
        "$log.summary" "$log" -h || true
}

# Prints the status and the seconds of each request, one per line. Without a response, the status is 0.
requests() { awk '/^HTTP\/1\.[01] [0-9]/ { print $2, $3 } /^\[error\] (socket|read|poll)/ { print 0, 0 }' "$1"; }

# count LOG STATUS…: prints the number of requests with one of these statuses, or of all requests if none is given.
count() {
    local log=$1
    shift
    requests "$log" | awk -v wanted=" $* " 'wanted == "  " || index(wanted, " " $1 " ") { n++ } END { print n + 0 }'
}

# share PART WHOLE: prints the share in percent.
share() { awk -v part="$1" -v whole="$2" 'BEGIN { printf "%.2f", whole ? 100 * part / whole : 0 }'; }

# quantile LOG SHARE: prints the quantile of the response times in seconds; siege measures hundredths.
quantile() {
    requests "$1" | awk '$1 { print $2 }' | sort -n |
        awk -v share="$2" '{ at[NR] = $1 } END { n = int(NR * share + 0.999999); print NR ? at[n < 1 ? 1 : n] : "none" }'
}

# elapsed LOG: prints the seconds that siege measured.
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

# outcome LOG SEED_AVAILABILITY SEED_RATE SEED_LONGEST: prints the rows of every scoreboard; – if the seed has no figure.
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
    row 'availability (useful responses)' "$availability %" "${2/%[0-9]/& %}" "$(ratio "$availability" "${2/–/0}")"
    row 'done within the request (200, 201)' "$done_at_once %" "${2/%[0-9]/& %}" "$(ratio "$done_at_once" "${2/–/0}")"
    row 'done a second' "$done_per_second" "$3" "$(ratio "$done_per_second" "${3/–/0}")"
    row 'p50, p95, p99 (s)' "$(quantile "$log" 0.5) $(quantile "$log" 0.95) $(quantile "$log" 0.99)" – –
    row 'longest (s)' "$longest" "$4" –
    for status in $(requests "$log" | awk '{ print $1 }' | sort -n | uniq); do
        if [ "$status" = 0 ]; then row 'no response' "$(count "$log" 0)" – –
        else row "status $status" "$(count "$log" "$status")" – –; fi
    done
}

# limit WHAT VALUE OPERATOR LIMIT: checks a figure against a limit.
limit() {
    local verdict=met
    awk -v value="$2" -v limit="$4" "BEGIN { exit !(value + 0 $3 limit + 0) }" || { verdict=MISSED; missed=1; }
    printf -- '- %s: %s %s %s: %s\n' "$1" "$2" "$3" "$4" "$verdict" | tee -a "$work/limits"
}

# audit: checks that the records of every booking agree, if the script has started the fleet.
audit() {
    own_fleet || return 0
    if "$MARQUEE" audit --help >/dev/null 2>&1; then
        local verdict=0
        "$MARQUEE" audit --data-dir "$work/data" --port-base "$base" >"$work/audit.log" 2>&1 || verdict=$?
        tail -n 3 "$work/audit.log"
        limit "the audit's exit code" "$verdict" == 0
    fi
}

# verdict: ends the script.
verdict() {
    say ''
    if [ -n "${SCOREBOARD:-}" ]; then
        { cat "$work/board"; printf '\n'; cat "$work/limits"; printf '\n'; } >>"$SCOREBOARD"
    fi
    if [ "$missed" -ne 0 ]; then say "$name: a limit is missed"; exit 1; fi
    say "$name: all limits are met"
}
