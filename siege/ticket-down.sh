#!/usr/bin/env bash
# Tests a requirement of the seed: bookings are possible around the clock, even while ticket is down. Ticket is down during the
# load, and afterwards every booking gets its ticket.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

# Prints the number of tickets. A list counts only its first 10,000 rows, so this reads all of them.
tickets() {
    local after=0 total=0 ids
    while ids=$(curl -s -m 5 "$gateway/tickets?after=$after&size=100" | grep -o '"bookingId":[0-9]*' | cut -d: -f2); do
        [ -n "$ids" ] || break
        total=$((total + $(wc -l <<<"$ids")))
        after=$(tail -n 1 <<<"$ids")
    done
    echo "$total"
}
all_have_tickets() { [ "$(tickets)" -ge "$booked" ]; }

fleet_up
kill_service ticket
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}'
booked=$(count "$work/log" 201)
start_service ticket
started_at=$SECONDS
within 120 all_have_tickets || true

board "ticket-down: 50 users, $seconds s, no ticket service ($TARGET)"
outcome "$work/log" – – –
row 'tickets, and seconds until all existed' "$(tickets), $((SECONDS - started_at))" – –
limit 'booked, %' "$done_at_once" '>=' 100
limit 'tickets for the bookings, %' "$(share "$(tickets)" "$booked")" '>=' 100
audit
verdict
