#!/usr/bin/env bash
# The containers as a user has them: builds the images, brings the stack up, restarts, kills and starves its
# parts while events are posted, and counts what was lost. Exit code 77: skipped, no Docker works here.
# EDGE_DOCKER_HOST names a program that makes Docker work where no registry can be reached.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A platform is well 3 s after the start of its last container. One second more is for docker start itself
# and the questions, each of which is a process, on a busy machine.
CONVERGED_MS=${EDGE_CONVERGED_MS:-4000}

# What docker needs to make containers is not ours: counted is from the start of the last one on.
test_first_readings() {
    local began last first
    began=$(now_ms)
    compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up"; }
    within 30 "first readings" events_more_than 0
    say "up to first readings: $(($(now_ms) - began)) ms"
    last=$(last_start_ms)
    first=$(first_event_ms)
    say "start of the last container to the first reading: $((first - last)) ms; compose up until then: $((last - began)) ms"
    [ $((first - last)) -lt "$CONVERGED_MS" ] || fail "the first reading came $((first - last)) ms after the last start"
    within 60 "all containers healthy" all_healthy
    say "up to all healthy: $(($(now_ms) - began)) ms"
}

last_start_ms() {
    for name in $(services); do date -d "$(inspect "$name" '{{.State.StartedAt}}')" +%s%3N; done | sort -n | tail -n 1
}

first_event_ms() { # events are listed latest first
    local count
    count=$(event_count)
    get "$DATA/event/all?limit=20&offset=$((count > 20 ? count - 20 : 0))" | grep -o '"origin":[0-9]*' |
        cut -d: -f2 | sort -n | head -n 1 | sed 's/......$//'
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

# The journeys of tests/system, through the published ports.
test_journeys() {
    local tests=${EDGE_BIN_DIR:-$SOURCE/build/test}/tests/system-tests restart
    [ -x "$tests" ] || { say "SKIPPED: there is no $tests: the system tests did not see the stack" >&2; return 0; }
    restart="$DOCKER restart $(for name in $(services); do container "$name"; done | xargs) >/dev/null"
    EDGE_STACK=$ADDRESS EDGE_STACK_RESTART=$restart "$tests" stack >"$SCRATCH/journeys.log" 2>&1 ||
        { tail -n 60 "$SCRATCH/journeys.log"; fail "the system tests against the stack"; }
    grep -A 3 'Run Summary' "$SCRATCH/journeys.log"
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
        converged $began "$name: stopped in $stopped ms, started again"
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
        converged $began "$name: killed"
    done
}

test_broker_gone() {
    local acknowledged began
    "$DOCKER" stop "$(container mqtt-broker)" >/dev/null
    acknowledged=$(wc -l <"$SCRATCH/acknowledged")
    within 10 "posts to be taken without a broker" acknowledged_more_than "$((acknowledged + 20))"
    sleep 12 # pauses between attempts must not grow with the time of waiting
    began=$(now_ms)
    "$DOCKER" start "$(container mqtt-broker)" >/dev/null
    converges
    converged $began "mqtt-broker: away for 12 s"
}

# Metadata away while its driver starts: the driver finds it as soon as it is there.
test_metadata_late() {
    local began
    "$DOCKER" stop "$(container core-metadata)" "$(container device-virtual)" >/dev/null
    "$DOCKER" start "$(container device-virtual)" >/dev/null
    within 20 "device-virtual to say whom it waits for" \
        logs_say "$(container device-virtual)" 'waiting for a neighbour.*core-metadata'
    began=$(now_ms)
    "$DOCKER" start "$(container core-metadata)" >/dev/null
    converges
    converged $began "core-metadata: after its driver"
}

converged() { # converged BEGAN WHAT: began to be well again, in time?
    local took=$(($(now_ms) - $1))
    say "$2: all well after $took ms"
    [ $took -lt "$CONVERGED_MS" ] || fail "$2: all well after $took ms only"
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

# Ends with a code that is not 0 and says what is wrong.
test_bad_input() {
    local image=edgex-c/core-data:$EDGEX_VERSION
    refuses 'SERVICE_PORT' -e SERVICE_PORT=many "$image"
    refuses 'Service.Port' -e SERVICE_PORT=70000 "$image"
    refuses 'MessageBus.Type' -e MESSAGEBUS_TYPE=carrier-pigeon "$image"
    refuses '59880' -e SERVICE_PORT=59880 --network "container:$(container core-data)" \
        edgex-c/core-command:"$EDGEX_VERSION"
    refuses 'secure mode' -e EDGEX_SECURITY_SECRET_STORE=true edgex-c/core-metadata:"$EDGEX_VERSION"
}

test_bad_volumes() {
    local image=edgex-c/core-data:$EDGEX_VERSION
    refuses '/var/lib/edgex' --tmpfs /var/lib/edgex:mode=0555,uid=0 "$image"
    refuses '/var/lib/edgex' "$image" # no volume at all: the root file system is read-only
    mkdir -p "$SCRATCH/foreign"
    refuses '/var/lib/edgex' -v "$SCRATCH/foreign:/var/lib/edgex" "$image" # belongs to somebody else
    refuses "directory '/data'" -e EDGEX_DATA_DIR=/data/elsewhere "$image" # nothing is mounted there
}

# Waiting is right, and the log says for whom and why.
test_brokers_that_refuse() {
    cat >"$SCRATCH/closed.conf" <<'CONF'
listener 1883
allow_anonymous false
CONF
    chmod 755 "$SCRATCH"
    chmod 644 "$SCRATCH/closed.conf"
    "$DOCKER" run -d --name "$PROJECT-closed" --network "${PROJECT}_edgex" \
        -v "$SCRATCH/closed.conf:/etc/mosquitto/mosquitto.conf:ro" "edgex-c/mqtt-broker:$EDGEX_VERSION" >/dev/null
    waits 'not authori' "$PROJECT-closed" 1883 # wants a password
    waits 'edgex-core-metadata:59881' edgex-core-metadata 59881 # speaks another protocol
    waits 'nowhere.invalid' nowhere.invalid 1883 # does not exist
    waits 'edgex-core-keeper:1883' edgex-core-keeper 1883 # nobody listens
    "$DOCKER" rm -f "$PROJECT-closed" >/dev/null
}

waits() { # waits TEXT HOST PORT: core-command with that broker says TEXT, goes on and answers
    local name=$PROJECT-waiting
    "$DOCKER" run -d --name "$name" --read-only --network "${PROJECT}_edgex" -e SERVICE_SERVERBINDADDR=0.0.0.0 \
        -e MESSAGEBUS_HOST="$2" -e MESSAGEBUS_PORT="$3" "edgex-c/core-command:$EDGEX_VERSION" >/dev/null
    within 10 "a line about $2" logs_say "$name" "no connection to the message broker.*$1"
    within 15 "core-command without $2 to be healthy" is_healthy "$name" # it waits for its broker first
    say "$("$DOCKER" logs "$name" 2>&1 | grep -m 1 'no connection to the message broker')"
    "$DOCKER" rm -f "$name" >/dev/null
}

is_healthy() { "$DOCKER" exec "$1" core-command --health >/dev/null 2>&1; }

logs_say() { "$DOCKER" logs "$1" 2>&1 | grep -qi -- "$2"; }

registered_up() { # core-keeper has seen all others answer
    local name
    for name in "${SERVICES[@]}"; do
        [ "$name" != core-keeper ] || continue
        get "$KEEPER/registry/serviceId/$name" | grep -q '"status":"UP"' || return 1
    done
}

test_registry() {
    within 20 "all services up in the registry" registered_up
}

log_level_is() { get "$DATA/config" | grep -q "\"LogLevel\":\"$1\""; }

# The configuration of all services from core-keeper, and a change of it.
test_provider() {
    export EDGEX_CONFIG_PROVIDER=keeper.http://edgex-core-keeper:59890
    compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up with a provider"; }
    converges
    expect "$KEEPER/kvs/key/edgex/v4/core-data/MessageBus/Host?plaintext=true" '"value":"edgex-mqtt-broker"'
    put "$KEEPER/kvs/key/edgex/v4/core-data/Writable/LogLevel" '{"value":"WARN"}'
    within 8 "the change of the configuration" log_level_is WARN
    "$DOCKER" restart "$(container core-keeper)" >/dev/null
    within 10 "core-keeper to answer" keeper_answers
    put "$KEEPER/kvs/key/edgex/v4/core-data/Writable/LogLevel" '{"value":"INFO"}'
    within 20 "a change after a restart of core-keeper" log_level_is INFO
    unset EDGEX_CONFIG_PROVIDER
}

# What compose files written for the official services set.
test_official_variables() {
    local image=edgex-c/core-command:$EDGEX_VERSION name=$PROJECT-official config
    "$DOCKER" stop "$(container core-command)" >/dev/null # one of a name may be at a broker
    "$DOCKER" run -d --name "$name" --read-only --network "${PROJECT}_edgex" \
        -e EDGEX_SECURITY_SECRET_STORE=false -e SERVICE_HOST=edgex-core-command -e SERVICE_SERVERBINDADDR=0.0.0.0 \
        -e SERVICE_PORT=59999 -e WRITABLE_LOGLEVEL=DEBUG -e MESSAGEBUS_HOST=edgex-mqtt-broker -e MESSAGEBUS_TYPE=mqtt \
        -e MESSAGEBUS_PORT=1883 -e MESSAGEBUS_PROTOCOL=mqtt -e MESSAGEBUS_OPTIONAL_CLIENTID=another-command \
        -e CLIENTS_CORE_METADATA_HOST=edgex-core-metadata -e SERVICE_REQUESTTIMEOUT=7s \
        -e EDGEX_STARTUP_DURATION=30 -e EDGEX_STARTUP_INTERVAL=2 -e EDGEX_CONFIG_PROVIDER=none \
        -e EDGEX_DISABLE_JWT_VALIDATION=true "$image" >/dev/null
    within 10 "core-command on its port" official_answers "$name"
    config=$("$DOCKER" exec "$name" bash -c "$(http_get 59999 /api/v3/config)")
    for text in '"Host":"edgex-core-command"' '"Port":59999' '"LogLevel":"DEBUG"' '"RequestTimeout":"7s"' \
        '"Host":"edgex-mqtt-broker"' '"ClientId":"another-command"' '"Host":"edgex-core-metadata"'; do
        grep -qiF -- "$text" <<<"$config" || fail "$text is not in the configuration: $config"
    done
    "$DOCKER" rm -f "$name" >/dev/null
}

http_get() { # the container has no curl
    printf 'exec 3<>/dev/tcp/127.0.0.1/%s && printf "GET %s HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n" >&3 && cat <&3' "$1" "$2"
}

official_answers() { "$DOCKER" exec "$1" bash -c "$(http_get 59999 /api/v3/ping)" 2>/dev/null | grep -q core-command; }

test_one_container() {
    compose down -v >"$SCRATCH/down.log" 2>&1 || { cat "$SCRATCH/down.log"; fail "compose down"; }
    FILE=docker-compose.edgexd.yml
    compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up of edgexd"; }
    within 30 "first readings of edgexd" events_more_than 0
    within 30 "edgexd healthy" all_healthy
    test_confinement
    test_registry
    put "$COMMAND/device/name/Random-Integer-Device/WriteInt16Value" '{"Int16":"43"}'
    expect "$COMMAND/device/name/Random-Integer-Device/Int16" '"value":"43"'
}

docker_find
scratch_make
run images_build
run test_first_readings
run test_confinement
run test_commands
run test_registry
run test_journeys
load_start
run test_restarts
run test_kill
run test_broker_gone
run test_metadata_late
load_stop
run test_nothing_lost
run test_bad_input
run test_bad_volumes
run test_brokers_that_refuse
run test_official_variables
run test_provider
run test_one_container
say "passed"
