# A fleet of one check: its directory, its ports and its end. The check sets `binary`, sources this file, and sets `fleet` to the
# process id of the launcher, and `pids` to those of its processes.

work=$(mktemp -d)
data=$work/data
fleet='' pids=()

alive() { # PROCESS-ID: checks that the process exists and is ours, and not a later owner of the id
    [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$binary" ]
}

wait_gone() { # SECONDS PROCESS-ID…
    local deadline=$((SECONDS + $1)) pid
    shift
    for pid in "$@"; do
        while alive "$pid"; do
            [ "$SECONDS" -lt "$deadline" ] || return 1
            sleep 0.05
        done
    done
}

clean_up() {
    local status=$? pid
    trap - EXIT
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$work"/*.log "$data"/logs/*.log 2>/dev/null || true
    fi
    if [ -n "$fleet" ] && kill -TERM "$fleet" 2>/dev/null; then
        mapfile -t pids < <(cat "$data"/run/*.pid 2>/dev/null)
        # A stopped process cannot end.
        for pid in "${pids[@]}"; do if alive "$pid"; then kill -CONT "$pid" || true; fi; done
        wait_gone 20 "$fleet" "${pids[@]}" || true
    fi
    for pid in $fleet "${pids[@]}"; do
        if alive "$pid"; then kill -KILL "$pid" || true; fi
    done
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 143' INT TERM

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints a free base of ports.
free_port_base() { python3 .ci/ports.py; }
