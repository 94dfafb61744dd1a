#!/usr/bin/env bash
# Kills payment, and starts it again after a third of the time. Meanwhile, bookings are held or rejected at once.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}
third=$((seconds / 3))
settings=(PAYMENT_LATENCY_MS=400..620)

is_paid() {
    [ "$(curl -s -m 5 -o /dev/null -w '%{http_code}' -H 'content-type: application/json' -d '{"qty":"1"}' \
        "$gateway/books")" = 201 ]
}

fleet_up "${settings[@]}"
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}' &
siege=$!
sleep "$third"
say 'killing payment'
kill_service payment
sleep "$third"
say 'starting payment'
start_service payment "${settings[@]}"
returned=$(date +%s%N)
until is_paid; do sleep 0.05; done
recovery=$(awk -v from="$returned" -v to="$(date +%s%N)" 'BEGIN { printf "%.1f", (to - from) / 1e9 }')
wait "$siege"

board "payment-down: 50 users, $seconds s, no payment for $third s ($TARGET)"
outcome "$work/log" – – –
row 'first 201 after the return (s)' "$recovery" – –
limit 'useful responses, % of all requests' "$availability" '>=' 100
limit 'longest response (s)' "$longest" '<=' 2.5
limit 'first 201 after the return (s)' "$recovery" '<=' 6
audit
verdict
