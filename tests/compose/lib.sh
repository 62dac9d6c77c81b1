# shellcheck shell=bash
# What the tests and the measurements of containers share: finding Docker, a stack of their own, waiting.

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FILE=docker-compose.yml
PROJECT=edgextest$$
# An address of the loopback network of its own: another platform on this machine is not in the way.
ADDRESS=127.59.$(($$ / 250 % 250)).$(($$ % 250 + 1))
export EDGEX_VERSION=$PROJECT EDGEX_ADDRESS=$ADDRESS EDGEX_CONTAINERS=$PROJECT
# shellcheck source=tools/services.sh
. "$SOURCE/tools/services.sh"
services_read "$SOURCE"
OPTIONAL=$(services_optional | tr ' ' '\n')
services_with ""
DATA=http://$ADDRESS:${SERVICE_PORTS[core-data]}/api/v3
METADATA=http://$ADDRESS:${SERVICE_PORTS[core-metadata]}/api/v3
COMMAND=http://$ADDRESS:${SERVICE_PORTS[core-command]}/api/v3
KEEPER=http://$ADDRESS:${SERVICE_PORTS[core-keeper]}/api/v3
LOADED=posted

say() { printf '%s\n' "$*"; }

fail() {
    say "FAILED: $*" >&2
    exit 1
}

skip() {
    say "SKIPPED: $1: nothing of containers was tested" >&2
    exit 77
}

now_ms() { date +%s%3N; }

run() { # run FUNCTION: one test
    local began
    began=$(now_ms)
    say "-- $1"
    "$1"
    say "-- $1: $(($(now_ms) - began)) ms"
}

# ---- Docker -------------------------------------------------------------------------------

docker_find() {
    local helper=${EDGE_DOCKER_HOST:-$SOURCE/../shared/bin/docker-host}
    DOCKER=docker
    if [ -x "$helper" ] && [ "$(id -u)" = 0 ]; then
        "$helper" >/dev/null || skip "$helper failed"
        DOCKER=/usr/bin/docker # the engine's own client: another one on PATH may not match it
    fi
    command -v "$DOCKER" >/dev/null || skip "no docker"
    "$DOCKER" info >/dev/null 2>&1 || skip "no Docker engine answers"
    if "$DOCKER" compose version >/dev/null 2>&1; then
        COMPOSE=("$DOCKER" compose)
    elif command -v docker-compose >/dev/null; then
        COMPOSE=(docker-compose)
    else
        skip "no docker-compose"
    fi
    "$DOCKER" image inspect debian:bookworm-slim >/dev/null 2>&1 ||
        "$DOCKER" pull -q debian:bookworm-slim >/dev/null 2>&1 || skip "no image debian:bookworm-slim"
}

scratch_make() {
    SCRATCH=$(mktemp -d)
    trap 'clean_up $?' EXIT
    trap 'exit 1' INT TERM
}

clean_up() {
    local file
    load_stop
    if [ "$1" != 0 ]; then
        compose ps
        compose logs --tail=15
    fi >&2
    # What tests started or built besides the stack; a failed one left it.
    "$DOCKER" ps -aq --filter "name=^$PROJECT-" | xargs -r "$DOCKER" rm -f >/dev/null 2>&1 || true
    for file in docker-compose.yml docker-compose.edgexd.yml; do
        FILE=$file
        compose down -v --remove-orphans --rmi all >/dev/null 2>&1 || true
    done
    "$DOCKER" images --format '{{.Repository}}:{{.Tag}}' | grep ":$PROJECT\$" | xargs -r "$DOCKER" rmi >/dev/null 2>&1 || true
    rm -rf "$SCRATCH"
}

compose() { "${COMPOSE[@]}" -p "$PROJECT" --project-directory "$SOURCE" -f "$SOURCE/$FILE" "$@"; }
# Those that run as it is: version 1 shows those of profiles, too.
services() { compose config --services | grep -vxF "$OPTIONAL"; }
container() { echo "$PROJECT-$1"; }
inspect() { "$DOCKER" inspect -f "$2" "$(container "$1")"; }

images_build() {
    local file profiles=()
    for file in $OPTIONAL; do profiles+=(--profile "$file"); done
    for file in docker-compose.edgexd.yml docker-compose.yml; do
        FILE=$file
        compose "${profiles[@]}" build >"$SCRATCH/build.log" 2>&1 || { tail -n 40 "$SCRATCH/build.log"; fail "the images do not build"; }
    done
}

# refuses TEXT ARGUMENTS...: a container that starts so must end, not with 0, and say TEXT.
refuses() {
    local text=$1 out code=0
    shift
    out=$(timeout 30 "$DOCKER" run --rm --read-only "$@" 2>&1) || code=$?
    case $code in 0 | 124) fail "docker run $*: ended with $code" ;; esac
    case "$out" in
    *"$text"*) say "refused with $code: $(tail -n 1 <<<"$out")" ;;
    *) fail "docker run $*: '$text' is not in: $out" ;;
    esac
}

# ---- asking -------------------------------------------------------------------------------

get() { curl -fsS --max-time 5 "$1" 2>/dev/null; }

put() { curl -fsS --max-time 5 -o /dev/null -X PUT -d "$2" "$1" || fail "PUT $1"; }

expect() { # expect URL TEXT
    local answer
    answer=$(get "$1") || fail "GET $1"
    case "$answer" in *"$2"*) ;; *) fail "GET $1: '$2' is not in: ${answer:0:300}" ;; esac
}

within() { # within SECONDS WHAT COMMAND...: until it succeeds
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$(($(now_ms) + seconds * 1000))
    until "$@"; do
        [ "$(now_ms)" -lt "$deadline" ] || fail "waited $seconds s for $what"
        sleep 0.05
    done
}

event_count() { get "$DATA/event/count" | sed -n 's/.*"count":\([0-9]*\).*/\1/p'; }

events_more_than() {
    local count
    count=$(event_count) && [ "${count:-0}" -gt "$1" ]
}

virtual_count() { get "$DATA/event/count/device/name/$1" | sed -n 's/.*"count":\([0-9]*\).*/\1/p'; }

heard_more_than() { # events of a device, which come over the broker
    local count
    count=$(virtual_count "$1") && [ "${count:-0}" -gt "$2" ]
}

command_works() { get "$COMMAND/device/name/Random-Integer-Device/Int8" >/dev/null; }

keeper_answers() { get "$KEEPER/ping" >/dev/null; }

# Events flow from the driver over the broker to the store, and commands the other way.
converges() {
    local before
    within 20 "core-data to answer" events_more_than 0
    before=$(virtual_count Random-Integer-Device)
    within 20 "commands to work" command_works
    within 20 "core-keeper to answer" keeper_answers
    # What a command reads may be pushed: that need not wait for the next scheduled read.
    within 20 "events over the broker" command_heard "$before"
}

command_heard() {
    get "$COMMAND/device/name/Random-Integer-Device/Int8?ds-pushevent=true" >/dev/null || return 1
    heard_more_than Random-Integer-Device "$1"
}

all_healthy() {
    local name
    for name in $(services); do
        [ "$(inspect "$name" '{{.State.Health.Status}}')" = healthy ] || return 1
    done
}

restarted() { # restarted SERVICE FORMER-PID
    local pid
    pid=$(inspect "$1" '{{.State.Pid}}')
    [ "$pid" != 0 ] && [ "$pid" != "$2" ]
}

# ---- load ---------------------------------------------------------------------------------

LOADERS=()

load_start() {
    local i
    : >"$SCRATCH/acknowledged"
    for i in 1 2; do
        load_main &
        LOADERS+=($!)
    done
}

load_stop() {
    [ ${#LOADERS[@]} = 0 ] || kill "${LOADERS[@]}" 2>/dev/null || true
    [ ${#LOADERS[@]} = 0 ] || wait "${LOADERS[@]}" 2>/dev/null || true
    LOADERS=()
}

load_main() { # posts until it is killed, notes the ids of what was answered with 201
    trap - EXIT
    local id code
    while id=$(cat /proc/sys/kernel/random/uuid); do
        code=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' -d "$(event_json "$id")" \
            "$DATA/event/load/load/$LOADED/value" || true)
        if [ "$code" = 201 ]; then
            echo "$id" >>"$SCRATCH/acknowledged"
        else
            sleep 0.05
        fi
    done
}

event_json() {
    printf '{"apiVersion":"v3","event":{"apiVersion":"v3","id":"%s","deviceName":"%s","profileName":"load","sourceName":"value","origin":%s,"readings":[{"origin":1,"deviceName":"%s","resourceName":"value","profileName":"load","valueType":"Int8","value":"1"}]}}' \
        "$1" "$LOADED" "$(date +%s%N)" "$LOADED"
}

acknowledged_more_than() { [ "$(wc -l <"$SCRATCH/acknowledged")" -gt "$1" ]; }
