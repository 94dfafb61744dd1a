#!/usr/bin/env bash
# 255 users, siege's maximum, and payments that take 400 to 620 ms. The seed's own test had 50 users, and it responded to every
# third request with a bare 500.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

fleet_up PAYMENT_LATENCY_MS=400..620
besiege "$work/log" 255 "$seconds" '/books POST {"qty":"3"}'

board "overload: 255 users, $seconds s, payment 400–620 ms ($TARGET)"
outcome "$work/log" 62.05 17.22 5.20
limit 'useful responses, % of all requests' "$availability" '>=' 100
limit 'bookings a second' "$done_per_second" '>=' 95
limit 'longest response (s)' "$longest" '<=' 4
audit
verdict
