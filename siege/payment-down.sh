#!/usr/bin/env bash
# Payment is killed for the middle third of the load and then started again: what is not paid is kept or refused, at once.
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
say 'payment is killed'
gone payment
sleep "$third"
say 'payment is started'
back payment "${settings[@]}"
returned=$(date +%s%N)
until is_paid; do sleep 0.05; done
recovery=$(awk -v from="$returned" -v to="$(date +%s%N)" 'BEGIN { printf "%.1f", (to - from) / 1e9 }')
wait "$siege"

board "payment-down: 50 users, $seconds s, no payment for $third s ($TARGET)"
outcome "$work/log" – – –
row 'first 201 after the return (s)' "$recovery" – –
bar 'a useful answer, of all requests' "$availability" '>=' 100
bar 'longest answer (s)' "$longest" '<=' 2.5
bar 'first 201 after the return (s)' "$recovery" '<=' 6
whole_again
verdict
