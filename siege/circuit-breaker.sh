#!/usr/bin/env bash
# The seed's experiment with its circuit breaker: 50 users for 60 seconds, and a payment that takes 400 to 620 ms.
# The seed: siege -c50 -t60S -r10 --content-type "application/json" 'http://book:8080/books POST {"qty":"3"}'
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

fleet_up PAYMENT_LATENCY_MS=400..620
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}'

board "circuit-breaker: 50 users, $seconds s, payment 400–620 ms ($TARGET)"
outcome "$work/log" 62.05 17.22 5.20
bar 'a useful answer, of all requests' "$availability" '>=' 100
bar 'paid within the request, %' "$done_at_once" '>=' 99.5
# 50 users ÷ 510 ms allow 98 a second; the first and the last half second of a short run are not full.
if [ "$seconds" -ge 30 ]; then enough=95; else enough=85; fi
bar 'bookings a second' "$done_per_second" '>=' "$enough"
whole_again
verdict
