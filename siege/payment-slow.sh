#!/usr/bin/env bash
# Every payment takes two seconds. Bookings are held, and reads of book stay fast.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

fleet_up PAYMENT_LATENCY_MS=2000..2000
# A booking to read, paid or not.
curl -s -m 5 -o /dev/null -H 'content-type: application/json' -d '{"qty":"1"}' "$gateway/books"
besiege "$work/quiet" 5 5 '/books/1'
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}' &
siege=$!
besiege "$work/reads" 5 "$seconds" '/books/1' >"$work/reads.screen"
wait "$siege"

board "payment-slow: 50 users book and 5 read, $seconds s, payment 2 s ($TARGET)"
outcome "$work/log" – – –
quiet=$(quantile "$work/quiet" 0.99)
reads=$(quantile "$work/reads" 0.99)
row 'GET /books/1, p99 without bookings (s)' "$quiet" – –
row 'GET /books/1, p99 among bookings (s)' "$reads" – –
limit 'useful responses, % of all requests' "$availability" '>=' 100
limit 'longest response (s)' "$longest" '<=' 2.5
limit 'GET /books/1 with status 200, %' "$(share "$(count "$work/reads" 200)" "$(count "$work/reads")")" '>=' 100
limit 'GET /books/1, p99 (s)' "$reads" '<=' 0.1
verdict
