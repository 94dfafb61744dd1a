#!/usr/bin/env bash
# Payment takes two seconds for everything. Bookings are kept for later; the rest of book does not notice.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

fleet_up PAYMENT_LATENCY_MS=2000..2000
# A booking to look at, paid or not.
curl -s -m 5 -o /dev/null -H 'content-type: application/json' -d '{"qty":"1"}' "$gateway/books"
besiege "$work/quiet" 5 5 '/books/1'
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}' &
siege=$!
besiege "$work/looking" 5 "$seconds" '/books/1' >"$work/looking.screen"
wait "$siege"

board "payment-slow: 50 users book and 5 look, $seconds s, payment 2 s ($TARGET)"
outcome "$work/log" – – –
quiet=$(quantile "$work/quiet" 0.99)
looking=$(quantile "$work/looking" 0.99)
row 'GET /books/1, p99 without bookings (s)' "$quiet" – –
row 'GET /books/1, p99 among bookings (s)' "$looking" – –
bar 'a useful answer, of all requests' "$availability" '>=' 100
bar 'longest answer (s)' "$longest" '<=' 2.5
bar 'GET /books/1 answered 200, %' "$(share "$(count "$work/looking" 200)" "$(count "$work/looking")")" '>=' 100
bar 'GET /books/1, p99 (s)' "$looking" '<=' 0.1
verdict
