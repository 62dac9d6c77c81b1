#!/usr/bin/env bash
# The containers as a user has them: builds the images, brings the stack up, restarts, kills and starves its
# parts while events are posted, and counts what was lost. Exit code 77: skipped, no Docker works here.
# EDGE_DOCKER_HOST names a program that makes Docker work where no registry can be reached.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

test_first_readings() {
    local began
    began=$(now_ms)
    compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up"; }
    within 30 "first readings" events_more_than 0
    say "up to first readings: $(($(now_ms) - began)) ms"
    within 60 "all containers healthy" all_healthy
    say "up to all healthy: $(($(now_ms) - began)) ms"
}

test_confinement() {
    local name got
    for name in $(services); do
        got=$(inspect "$name" '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{gt .HostConfig.Memory 0}}')
        [ "$got" = "2002:2001 true [ALL] true" ] || fail "$name is not confined: $got"
        got=$(inspect "$name" '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}')
        [ -z "${got//$ADDRESS /}" ] || fail "$name is published on $got"
    done
}

test_commands() {
    local device=device/name/Random-Integer-Device
    expect "$COMMAND/$device/Int16" '"statusCode":200'
    put "$COMMAND/$device/WriteInt16Value" '{"Int16":"42"}'
    expect "$COMMAND/$device/Int16" '"value":"42"'
    expect "$METADATA/device/all?limit=1" '"totalCount":'
    expect "$KEEPER/ping" '"serviceName":"core-keeper"'
}

# Whatever restarts, the others go on, and all is as before soon after.
test_restarts() {
    local name began stopped
    for name in $(services); do
        began=$(now_ms)
        "$DOCKER" stop "$(container "$name")" >/dev/null
        stopped=$(($(now_ms) - began))
        [ $stopped -lt 5000 ] || fail "$name took $stopped ms to stop"
        [ "$(inspect "$name" '{{.State.ExitCode}}')" = 0 ] || fail "$name stopped with $(inspect "$name" '{{.State.ExitCode}}')"
        began=$(now_ms)
        "$DOCKER" start "$(container "$name")" >/dev/null
        converges
        say "$name: stopped in $stopped ms, all well $(($(now_ms) - began)) ms after its start"
    done
}

# The engine restarts what dies; nobody has to.
test_kill() {
    local name began pid
    [ "$(id -u)" = 0 ] || { say "SKIPPED: kill -9 from outside needs root"; return 0; }
    for name in core-data device-virtual core-metadata; do
        began=$(now_ms)
        pid=$(inspect "$name" '{{.State.Pid}}')
        kill -9 "$pid"
        within 20 "$name to be restarted" restarted "$name" "$pid"
        converges
        say "$name: killed, all well after $(($(now_ms) - began)) ms"
    done
}

test_broker_gone() {
    local acknowledged
    "$DOCKER" stop "$(container mqtt-broker)" >/dev/null
    acknowledged=$(wc -l <"$SCRATCH/acknowledged")
    within 10 "posts to be taken without a broker" acknowledged_more_than "$((acknowledged + 20))"
    "$DOCKER" start "$(container mqtt-broker)" >/dev/null
    converges
}

test_nothing_lost() {
    local offset=0 page lost total
    : >"$SCRATCH/stored"
    while :; do
        page=$(get "$DATA/event/device/name/$LOADED?limit=1024&offset=$offset" |
            grep -o '"id":"[^"]*"' | cut -d'"' -f4) || break # no more
        printf '%s\n' "$page" >>"$SCRATCH/stored"
        offset=$((offset + 1024))
    done
    sort -u -o "$SCRATCH/stored" "$SCRATCH/stored"
    sort -u -o "$SCRATCH/acknowledged" "$SCRATCH/acknowledged"
    total=$(wc -l <"$SCRATCH/acknowledged")
    lost=$(comm -23 "$SCRATCH/acknowledged" "$SCRATCH/stored" | wc -l)
    say "$total events acknowledged, $lost lost"
    [ "$total" -gt 100 ] || fail "only $total events were posted"
    [ "$lost" = 0 ] || fail "$lost acknowledged events are gone"
}

test_bad_input() {
    refuses 'SERVICE_PORT' -e SERVICE_PORT=many edgex-c/core-data:"$EDGEX_VERSION"
    refuses '/var/lib/edgex' --tmpfs /var/lib/edgex:mode=0555,uid=0 edgex-c/core-data:"$EDGEX_VERSION"
    refuses '59880' -e SERVICE_PORT=59880 --network "container:$(container core-data)" \
        edgex-c/core-command:"$EDGEX_VERSION"
    refuses 'secure mode' -e EDGEX_SECURITY_SECRET_STORE=true edgex-c/core-metadata:"$EDGEX_VERSION"
}

test_one_container() {
    compose down -v >"$SCRATCH/down.log" 2>&1 || { cat "$SCRATCH/down.log"; fail "compose down"; }
    FILE=docker-compose.edgexd.yml
    compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up of edgexd"; }
    within 30 "first readings of edgexd" events_more_than 0
    within 30 "edgexd healthy" all_healthy
    test_confinement
    put "$COMMAND/device/name/Random-Integer-Device/WriteInt16Value" '{"Int16":"43"}'
    expect "$COMMAND/device/name/Random-Integer-Device/Int16" '"value":"43"'
}

docker_find
scratch_make
run images_build
run test_first_readings
run test_confinement
run test_commands
load_start
run test_restarts
run test_kill
run test_broker_gone
load_stop
run test_nothing_lost
run test_bad_input
run test_one_container
say "passed"
