#!/usr/bin/env bash
# ./edgex up, status and down beside somebody else: ports that are taken, programs that were killed.
# On ports of its own, with the programs of EDGE_BIN_DIR.
set -euo pipefail
# shellcheck source=tests/tools/verbs_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/verbs_lib.sh"

other_answers() { curl -fsS --max-time 2 "http://localhost:$CORE_COMMAND__SERVICE_PORT/api/v3/ping" >/dev/null 2>&1; }
other_up() {
    "$EDGEX_BIN/edgexd" -cd "$SOURCE/services" --data "$SCRATCH/other" -r >"$SCRATCH/other.log" 2>&1 &
    OTHER=$!
    wait_for other_answers
}
other_down() {
    kill -TERM "$OTHER"
    wait "$OTHER" || true
    OTHER=
}

# Another platform answers on all ports: neither shape is up, and who is there is named.
test_ports_that_are_taken() {
    local shape
    other_up
    for shape in "" --split; do
        edgex 1 up --detach $shape
        says_not "All services answer"
        says "port $CORE_DATA__SERVICE_PORT of core-data is held by pid $OTHER ("
        says "edgexd"
    done
    edgex 3 status
    says_not " up "
    says "port $CORE_KEEPER__SERVICE_PORT of core-keeper is held by pid $OTHER ("
    edgex 3 status --json
    says_not '"up"'
    other_down
}

# One port is enough, and one that is taken while the platform starts.
test_one_port_that_is_taken() {
    local port=$CORE_COMMAND__SERVICE_PORT
    "$EDGEX_BIN/core-keeper" -cd "$SOURCE/services/core-keeper/res" --data "$SCRATCH/other" >"$SCRATCH/other.log" 2>&1 &
    OTHER=$!
    export CORE_COMMAND__SERVICE_PORT=$CORE_KEEPER__SERVICE_PORT # where the keeper of the others is
    wait_for other_answers
    export CORE_KEEPER__SERVICE_PORT=$port REGISTRY_PORT=$port
    edgex 1 up --detach
    says "port $CORE_COMMAND__SERVICE_PORT of core-command is held by pid $OTHER ("
    says_not "of core-data"
    other_down
}

# Our own, in both shapes; killed ones have ended, also where nobody has noticed yet.
test_programs_that_were_killed() {
    local shape pid
    for shape in "" --split; do
        edgex 0 up --detach $shape
        says "All services answer"
        edgex 0 status
        says_not "is held by"
        edgex 0 down
        says "Stopped."
    done
    # The parent becomes a program that never asks what became of its child.
    mkdir -p "$SCRATCH/ours/run"
    bash -c '"$0" -cd "$1" --data "$2" -r >"$2/zombie.log" 2>&1 &
        echo $! >"$2/run/edgexd.pid"; exec sleep 600' \
        "$EDGEX_BIN/edgexd" "$SOURCE/services" "$SCRATCH/ours" &
    OTHER=$!
    wait_for other_answers
    edgex 0 status
    pid=$(cat "$SCRATCH/ours/run/edgexd.pid")
    kill -KILL "$pid"
    wait_for is_zombie "$pid"
    edgex 3 status
    says_not " up "
    says_not "starting"
    edgex 0 down
    says "Nothing is running"
    echo "$pid" >"$SCRATCH/ours/run/core-data.pid" # of the other shape, killed as well
    edgex 0 up --detach
    says "All services answer"
    edgex 0 down
}

# It runs where it is named, and all verbs know of it then.
test_an_optional_service() {
    local shape ports
    read -ra ports <<<"$EDGE_TEST_PORTS"
    export EXPORT_CLIENT__SERVICE_PORT=${ports[48]} EXPORT_CLIENT__DISTRO_PORT=${ports[49]}
    edgex 1 up --detach --with export-clint
    says "there is no service 'export-clint'; optional ones are: export-client"
    for shape in "" --split; do
        edgex 0 up --detach --with export-client $shape
        says "http://localhost:${ports[48]}"
        [ "$(curl -fsS "http://localhost:${ports[49]}/api/v1/ping")" = pong ] || fail "no second door"
        edgex 0 status
        grep -qE "^export-client +[1-9][0-9]* +${ports[48]} up " <<<"$OUTPUT" || fail "$OUTPUT"
        edgex 0 restart export-client
        says "export-client answers on port ${ports[48]}"
        edgex 0 down
        edgex 0 up --detach $shape
        says_not export-client
        edgex 0 status
        says_not export-client
        edgex 0 down
    done
}

# Without a name nothing is built or run: it says what there is.
test_bench_without_a_name() {
    local name
    edgex 0 bench
    says_not "=="
    for name in $(find "$SOURCE/tests/bench" -name 'bench_*.*' | sed 's|.*/bench_||;s/\..*//'); do
        grep -qE "^  $name +[^ ].{10,}" <<<"$OUTPUT" || fail "$name is not told in: $OUTPUT"
    done
    edgex 1 bench nothing
    says "there is no benchmark 'nothing'; there are: abuse"
    edgex 1 bench --everything
    says "unknown option"
}

test_bench_without_a_name
test_ports_that_are_taken
test_one_port_that_is_taken
test_programs_that_were_killed
test_an_optional_service
