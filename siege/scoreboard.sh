#!/usr/bin/env bash
# Runs all load tests one after the other, and writes SCOREBOARD.md beside this file. Exits with 1 if a limit is missed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
board=$here/SCOREBOARD.md
missed=0

{
    printf '# Scoreboard\n\n'
    printf 'Written by `just scoreboard` on %s cores, at %s.\n' "$(nproc)" "$(git -C "$here" rev-parse --short HEAD)"
    printf "The seeds' figures are those of their load tests, as far as they are published.\n\n"
} >"$board.new"
for target in ${TARGETS:-up servers}; do
    for test in circuit-breaker overload payment-down payment-slow ticket-down; do
        TARGET=$target SCOREBOARD=$board.new "$here/$test.sh" || missed=1
    done
done
SCOREBOARD=$board.new "$here/rollout.sh" || missed=1
mv "$board.new" "$board"
printf 'written: %s\n' "$board"
exit "$missed"
