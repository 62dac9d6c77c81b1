#!/usr/bin/env bash
# The verbs that look at a platform that runs, and at its parts: restart, status, watch; in both shapes.
set -euo pipefail
# shellcheck source=tests/tools/verbs_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/verbs_lib.sh"

n_events() { curl -fsS "http://localhost:$CORE_DATA__SERVICE_PORT/api/v3/event/count" | sed 's/.*"count":\([0-9]*\).*/\1/'; }
has_events() { [ "$(n_events)" -ge "$1" ]; }

# Where nothing runs, or what is asked for is not there, nothing is touched.
test_restart_of_what_is_not_there() {
    edgex 2 restart
    says "${SERVICES[*]}"
    edgex 2 restart core-dada
    says "there is no service 'core-dada'; there are: ${SERVICES[*]}"
    edgex 2 restart core-data --hard
    says "unknown option '--hard'"
    edgex 3 restart core-data
    says "nothing is running"
}

# One of several processes: it alone, as it was, whatever the caller's own environment says.
test_restart_of_one_of_several() {
    local before other events
    wait_for has_events 1
    before=$(pid_in core-data) other=$(pid_in core-metadata) events=$(n_events)
    CORE_DATA__SERVICE_PORT=1 edgex 0 restart core-data
    says "core-data answers on port $CORE_DATA__SERVICE_PORT after "
    says "pid $(pid_in core-data), before $before."
    says_not "core-metadata"
    [ "$(pid_in core-data)" != "$before" ] || fail "is the same"
    [ "$(pid_in core-metadata)" = "$other" ] || fail "not that one alone"
    has_events "$events" || fail "$(n_events) events of $events are left"
    wait_for has_events $((events + 5)) # its broker is the old one
    edgex 0 status
    edgex 2 restart core-data core-dada
    [ "$(pid_in core-metadata)" = "$other" ] || fail "touched"
}

test_restart_of_two() {
    edgex 0 restart core-command core-metadata
    says "core-command answers on port $CORE_COMMAND__SERVICE_PORT"
    says "core-metadata answers on port $CORE_METADATA__SERVICE_PORT"
    edgex 0 status
}

# One that has ended is started, with what the others have of environment.
test_restart_of_one_that_was_killed() {
    kill -KILL "$(pid_in core-data)"
    edgex 3 status
    edgex 0 restart core-data
    says "core-data answers on port $CORE_DATA__SERVICE_PORT"
    edgex 0 status
    wait_for has_events $(($(n_events) + 1))
}

# Its port is taken meanwhile: says so, and leaves the others alone.
test_restart_that_fails() {
    local other
    other=$(pid_in core-data)
    kill -KILL "$(pid_in core-command)"
    CORE_KEEPER__SERVICE_PORT=$CORE_COMMAND__SERVICE_PORT "$EDGEX_BIN/core-keeper" -cd "$SOURCE/services/core-keeper/res" \
        --data "$SCRATCH/other" >"$SCRATCH/other.log" 2>&1 &
    OTHER=$!
    wait_for answers_on "$CORE_COMMAND__SERVICE_PORT"
    edgex 1 restart core-command
    says "core-command ended while starting"
    says "port $CORE_COMMAND__SERVICE_PORT of core-command is held by pid $OTHER ("
    says "Last lines of $SCRATCH/ours/log/core-command.log"
    [ "$(pid_in core-data)" = "$other" ] || fail "touched"
    kill -TERM "$OTHER"
    wait "$OTHER" || true
    OTHER=
    edgex 0 restart core-command
    edgex 0 status
}

answers_on() { curl -fsS --max-time 2 "http://localhost:$1/api/v3/ping" >/dev/null 2>&1; }

test_restart_of_one_process() {
    local before
    before=$(pid_in edgexd)
    edgex 0 restart core-data
    says "All services are one process (edgexd): all of it is restarted, not only core-data."
    says "device-virtual answers on port $DEVICE_VIRTUAL__SERVICE_PORT after "
    [ "$(pid_in edgexd)" != "$before" ] || fail "is the same"
    edgex 0 status
}

# Who shows it living does not take a restart for its end.
test_restart_under_an_up_that_shows_it() {
    local before
    : >"$SCRATCH/up.log"
    "$SOURCE/edgex" up --data "$SCRATCH/ours" >"$SCRATCH/up.log" 2>&1 &
    OTHER=$!
    wait_for grep -q "Ctrl-C stops it" "$SCRATCH/up.log"
    before=$(pid_in edgexd)
    edgex 0 restart core-data
    [ "$(pid_in edgexd)" != "$before" ] || fail "is the same"
    kill -TERM "$OTHER"
    wait "$OTHER" || fail "up ended: $(cat "$SCRATCH/up.log")"
    OTHER=
    grep -q "stopped." "$SCRATCH/up.log" || fail "up did not stop it: $(cat "$SCRATCH/up.log")"
}

# In the split shape the broker has a row, as its services have; in one process there is none.
test_the_broker_is_shown() {
    local port
    port=$(sed -n 's/^listener \([0-9]*\) .*/\1/p' "$SCRATCH/ours/run/mosquitto.conf")
    says "broker           mqtt://localhost:$port" # in what up has said
    edgex 0 status
    grep -qE "^mosquitto +$(pid_in mosquitto) +$port up " <<<"$OUTPUT" || fail "$OUTPUT"
    edgex 0 status --json
    says '"service":"mosquitto","pid":'"$(pid_in mosquitto),\"port\":$port,\"state\":\"up\","
    python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == int(sys.argv[1])' $((${#SERVICES[@]} + 1)) <<<"$OUTPUT" ||
        fail "$OUTPUT"
}
test_a_broker_that_is_killed_is_down() {
    kill -KILL "$(pid_in mosquitto)"
    wait_for ended mosquitto
    edgex 3 status
    grep -qE "^mosquitto +0 +[0-9]+ down " <<<"$OUTPUT" || fail "$OUTPUT"
    grep -qE "^core-data .* up " <<<"$OUTPUT" || fail "$OUTPUT"
    edgex 0 restart mosquitto
    says "mosquitto answers on port "
    edgex 0 status
}
test_no_broker_is_shown() {
    says_not "broker  "
    edgex 0 status
    says_not mosquitto
    edgex 0 status --json
    says_not mosquitto
    edgex 2 restart mosquitto
    says "no broker (mosquitto) is running"
}

# A line for each reading, in time order, of those asked for; the way is told.
test_watch() { # test_watch HOW
    edgex 0 watch -n 12 --patience 60
    says "$1"
    [ "$(lines_of 'Random-[A-Za-z]*-Device')" = 12 ] || fail "not 12 lines: $OUTPUT"
    edgex 0 watch -n 2 --device='Random-Int*' --resource Int16 --patience 60
    [ "$(lines_of 'Random-Integer-Device  *Int16  *-?[0-9]+')" = 2 ] || fail "not 2 lines: $OUTPUT"
    edgex 0 watch -n 1 --source Bool --patience 60
    [ "$(lines_of 'Random-Boolean-Device  *Bool  *(true|false)')" = 1 ] || fail "not 1 line: $OUTPUT"
    edgex 1 watch --core-data
    says "--core-data needs a value"
    edgex 1 watch --divice x
    says "unknown option '--divice'"
}
lines_of() { grep -cE "^2[-0-9T:.]*Z  $1$|^2[-0-9T:.]*Z  $1  " <<<"$OUTPUT" || true; }

# A text of a device is shown on one line, with its units; Ctrl-C is a good end.
test_watch_of_what_is_posted() { # test_watch_of_what_is_posted DEVICE
    local now
    watch_begin --device "$1"
    now=$(date +%s%N)
    curl -fsS -o "$SCRATCH/answer" -H 'Content-Type: application/json' -d '{"apiVersion":"v3","event":{"apiVersion":"v3",
        "id":"00000000-0000-4000-8000-00000000000'"$2"'","deviceName":"'"$1"'","profileName":"p","sourceName":"s","origin":'"$now"',
        "readings":[{"deviceName":"'"$1"'","resourceName":"r","profileName":"p","valueType":"String","origin":'"$now"',
        "units":"°C","value":"a\u001b[2J\nb"}]}}' \
        "http://localhost:$CORE_DATA__SERVICE_PORT/api/v3/event/$2/p/$1/s"
    wait_for grep -qF "$1" "$SCRATCH/watch.out"
    watch_end
    grep -qE "^2[-0-9T:.]*Z  $1  *r  *a\\\\x1b\[2J\\\\x0ab  °C$" "$SCRATCH/watch.out" || fail "$(cat "$SCRATCH/watch.out")"
}

watch_begin() { # watch_begin OPTION...
    : >"$SCRATCH/watch.err"
    "$SOURCE/edgex" watch "$@" --data "$SCRATCH/ours" >"$SCRATCH/watch.out" 2>"$SCRATCH/watch.err" &
    OTHER=$!
    wait_for grep -q "Readings from now on" "$SCRATCH/watch.err"
}

watch_end() {
    kill -INT "$OTHER"
    wait "$OTHER" || fail "watch ended with $?"
    OTHER=
}

# Silence is told once, with what may be behind it.
test_watch_of_silence() {
    watch_begin --device nobody --patience 2
    wait_for grep -q "nothing came for 2 s" "$SCRATCH/watch.err"
    wait_for grep -q "readings came that the filters leave out, the last of device 'Random-" "$SCRATCH/watch.err"
    watch_end
    [ "$(grep -c "nothing came" "$SCRATCH/watch.err")" = 1 ] || fail "$(cat "$SCRATCH/watch.err")"
}

# Nobody sends: of the split shape, one can be ended alone.
test_watch_of_a_standstill() {
    kill -TERM "$(pid_in device-virtual)"
    wait_for ended device-virtual
    watch_begin --patience 1
    wait_for grep -q "does a device service run" "$SCRATCH/watch.err"
    grep -q "core-data's newest event is of 2.*Z, from device 'Random-" "$SCRATCH/watch.err" || fail "$(cat "$SCRATCH/watch.err")"
    watch_end
    edgex 0 restart device-virtual
}
ended() { ! [ -d "/proc/$(pid_in "$1")" ] || is_zombie "$(pid_in "$1")"; }

test_restart_of_what_is_not_there
edgex 1 watch
says "core-data does not answer on port $CORE_DATA__SERVICE_PORT"
edgex 0 up --detach --split
test_the_broker_is_shown
test_watch "over the broker at 127.0.0.1:$EDGEX_BROKER_PORT"
test_watch_of_silence
test_watch_of_a_standstill
test_restart_of_one_of_several
test_restart_of_two
test_restart_of_one_that_was_killed
test_restart_that_fails
test_a_broker_that_is_killed_is_down
edgex 0 down
edgex 0 up --detach
test_no_broker_is_shown
test_watch "the services have no broker, so core-data is asked every second"
test_watch_of_what_is_posted "Pump-1" 1
test_watch_of_silence
test_restart_of_one_process
edgex 0 down
test_restart_under_an_up_that_shows_it
