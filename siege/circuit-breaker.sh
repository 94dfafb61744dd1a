#!/usr/bin/env bash
# Repeats the seed's circuit breaker experiment: 50 users for 60 seconds, and payments that take 400 to 620 ms.
# The seed: siege -c50 -t60S -r10 --content-type "application/json" 'http://book:8080/books POST {"qty":"3"}'
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

fleet_up PAYMENT_LATENCY_MS=400..620
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}'

board "circuit-breaker: 50 users, $seconds s, payment 400–620 ms ($TARGET)"
outcome "$work/log" 62.05 17.22 5.20
limit 'useful responses, % of all requests' "$availability" '>=' 100
limit 'paid within the request, %' "$done_at_once" '>=' 99.5
# 50 users ÷ 510 ms allow 98 a second; the first and last half second have less load, which matters in a short run.
if [ "$seconds" -ge 30 ]; then enough=95; else enough=85; fi
limit 'bookings a second' "$done_per_second" '>=' "$enough"
audit
verdict
