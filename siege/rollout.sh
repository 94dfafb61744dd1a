#!/usr/bin/env bash
# Replaces every process of every service by a new one under load. Each service has two replicas behind the gateway.
# The seeds lose 12 to 30 % of the requests in a rollout without readiness probes, and none with them.
#
# Replicas cannot share a database file, so the script always starts PostgreSQL and Kafka.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}
services=(payment point ticket mypage book)
bases=()
declare -A process
# Lets the script see each replica at the gateway. A short token is allowed on 127.0.0.1.
export STAFF_TOKEN=${STAFF_TOKEN:-rollout}

[ "$TARGET" = up ] || [ "$TARGET" = servers ] || die 'rollout.sh needs TARGET=up or servers; in a cluster, use kubectl rollout restart'
[ -x "$MARQUEE" ] || die "$MARQUEE does not exist: cargo build --release"

port() { # SERVICE REPLICA
    case $1 in
        book) say $((bases[$2] + 1)) ;; payment) say $((bases[$2] + 2)) ;; mypage) say $((bases[$2] + 3)) ;;
        processor) say $((bases[$2] + 10)) ;; ticket) say $((bases[$2] + 4)) ;; point) say $((bases[$2] + 5)) ;; gateway) say $((bases[0] + 8)) ;;
    esac
}

list() { say "http://127.0.0.1:$(port "$1" 0),http://127.0.0.1:$(port "$1" 1)"; }

# Prints the load balancer's port for a service. No process uses these ports of the second replicas' range.
balanced() { case $1 in payment) say $((bases[1] + 8)) ;; point) say $((bases[1] + 6)) ;; esac; }

# Starts a load balancer for the calls between services, like a Service in a cluster. The gateway cannot be used, because its
# /payments and /points are read-only.
balance() {
    command -v nginx >/dev/null || die 'nginx is missing: apt-get install nginx-light'
    local service conf=$work/nginx.conf
    {
        say "daemon off; pid $work/nginx.pid; error_log $work/nginx.log; events {}"
        say "http { access_log off; client_body_temp_path $work/nginx-bodies; proxy_temp_path $work/nginx-answers;"
        for service in payment point; do
            say "upstream $service { server 127.0.0.1:$(port $service 0); server 127.0.0.1:$(port $service 1); keepalive 64; }"
            say "server { listen 127.0.0.1:$(balanced $service); location / { proxy_pass http://$service; proxy_http_version 1.1;"
            # The calls carry an Idempotency-Key, so nginx may retry them.
            say 'proxy_set_header Connection ""; proxy_next_upstream error timeout non_idempotent; } }'
        done
        say '}'
    } >"$conf"
    nginx -e "$work/nginx.log" -c "$conf" &
    started+=($!)
}

# start SERVICE REPLICA FLAGS…
start() {
    local service=$1 replica=$2
    shift 2
    case $service in
        book) set -- --payment-url "http://127.0.0.1:$(balanced payment)" "$@" ;;
        ticket) set -- --point-url "http://127.0.0.1:$(balanced point)" "$@" ;;
    esac
    LOG_FORMAT=pretty RUST_LOG=warn DRAIN_DELAY_MS=1000 "$MARQUEE" service "$service" --data-dir "$work/replica$replica" \
        --port-base "${bases[replica]}" -- "$@" >>"$work/$service.log" 2>&1 &
    process[$service$replica]=$!
    started+=($!)
}

is_ready() { curl -sf -m 2 "http://127.0.0.1:$(port "$1" "$2")/readyz"; }

# Replaces one replica: stops it, starts a new one at the same address, and waits until it is ready.
replace() {
    local service=$1 replica=$2
    kill -TERM "${process[$service$replica]}"
    wait "${process[$service$replica]}" || true
    start "$service" "$replica"
    within 30 is_ready "$service" "$replica" || die "$service is not ready again: $(tail -n 3 "$work/$service.log")"
    # The gateway probes five times a second.
    within 10 all_are_up || die "the gateway does not see $service: $(fleet_status)"
    replaced=$((replaced + 1))
}

TARGET=servers
servers_up
for service in "${services[@]}" processor; do
    "$TEST_POSTGRES_BIN/psql" -q -d "${DATABASE_URL_PREFIX}postgres" -c "CREATE DATABASE $service"
done
bases=("$(free_port_base)" "$(free_port_base)")
gateway=http://127.0.0.1:$(port gateway 0)
base=${bases[0]}
balance
# Both replicas of payment use the one provider.
export PROCESSOR_URL=http://127.0.0.1:$(port processor 0) FLEET_ID=rollout
start processor 0
within 60 is_ready processor 0 || die "processor does not start: $(tail -n 3 "$work/processor.log")"
for service in "${services[@]}"; do
    start "$service" 0
    within 60 is_ready "$service" 0 || die "$service does not start: $(tail -n 3 "$work/$service.log")"
    start "$service" 1
done
start gateway 0 --book-url "$(list book)" --payment-url "$(list payment)" --mypage-url "$(list mypage)" \
    --ticket-url "$(list ticket)" --point-url "$(list point)"
within 60 all_are_up || die "the fleet is not up: $(fleet_status)"

replaced=0
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}' &
siege=$!
sleep 1
while kill -0 "$siege" 2>/dev/null; do
    for service in "${services[@]}"; do
        for replica in 0 1; do
            kill -0 "$siege" 2>/dev/null || break 3
            replace "$service" "$replica"
        done
    done
    # Each process is replaced once.
    break
done
wait "$siege"

board "rollout: 50 users, $seconds s, two replicas of each service, on PostgreSQL and Kafka"
outcome "$work/log" 87.32 – –
row 'processes replaced under load' "$replaced" – –
limit 'booked within the request, %' "$done_at_once" '>=' 100
if [ "$seconds" -ge 60 ]; then limit 'processes replaced' "$replaced" '>=' 10; else limit 'processes replaced' "$replaced" '>=' 1; fi
verdict
