#!/usr/bin/env bash
# The seed's requirement: one can book around the clock even while ticket is down. It is down for all of the load, and
# afterwards there is a ticket for every booking.
. "$(dirname "$0")/lib.sh"
seconds=${SECONDS_OF_LOAD:-60}

# A list counts its first 10,000 rows only, so this reads them all.
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
gone ticket
besiege "$work/log" 50 "$seconds" '/books POST {"qty":"3"}'
booked=$(count "$work/log" 201)
back ticket
started_at=$SECONDS
within 120 all_have_tickets || true

board "ticket-down: 50 users, $seconds s, no ticket service ($TARGET)"
outcome "$work/log" – – –
row 'tickets, and seconds until there were all' "$(tickets), $((SECONDS - started_at))" – –
bar 'booked, %' "$done_at_once" '>=' 100
bar 'tickets for the bookings, %' "$(share "$(tickets)" "$booked")" '>=' 100
whole_again
verdict
