#!/usr/bin/env bash
# footprint: the containers' sizes beyond the base image, the time from `up` until all answer and are
# healthy, proportional memory per container at rest and with 1,000 devices of one reading a second.
# Calibration: what a container of the base image that does nothing takes to run. Exit code 77: no Docker.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../compose/lib.sh"

SECONDS_MEASURED=20
N_DEVICES=1000

kb() { awk -v bytes="$1" 'BEGIN {printf "%.0f", bytes / 1024}'; }
image_size() { "$DOCKER" image inspect -f '{{.Size}}' "$1"; }

sizes() { # prints the bytes all images add together
    local base shared name size all
    base=$(image_size debian:bookworm-slim)
    "$DOCKER" build -q --target runtime -t "edgex-c/runtime:$PROJECT" -f "$SOURCE/docker/Dockerfile" "$SOURCE" >/dev/null 2>&1
    shared=$(image_size "edgex-c/runtime:$PROJECT")
    "$DOCKER" rmi "edgex-c/runtime:$PROJECT" >/dev/null
    all=$((shared - base))
    for name in $(services) edgexd; do
        size=$(image_size "edgex-c/$name:$EDGEX_VERSION")
        printf '%-16s %6s kB beyond the base\n' "$name" "$(kb $((size - base)))" >&2
        all=$((all + size - shared))
    done
    printf '%-16s %6s kB beyond the base\n' "all together" "$(kb $all)" >&2
    echo $all
}

all_answer() {
    local port
    for port in "${SERVICE_PORTS[@]}"; do
        get "http://$ADDRESS:$port/api/v3/ping" >/dev/null || return 1
    done
}

memory() { # prints a line per container to stderr, the sum in kB to stdout
    local name kb sum=0
    for name in $(services); do
        kb=$(awk '/^Pss:/ {print $2; exit}' "/proc/$(inspect "$name" '{{.State.Pid}}')/smaps_rollup")
        printf '%-16s %6s kB %s\n' "$name" "$kb" "$1" >&2
        sum=$((sum + kb))
    done
    echo $sum
}

devices_add() {
    local i from body
    for from in $(seq 0 100 $((N_DEVICES - 1))); do
        body=
        for i in $(seq "$from" $((from + 99))); do
            body+=',{"apiVersion":"v3","device":{"name":"d'$i'","serviceName":"device-virtual","profileName":"Random-Integer-Device","adminState":"UNLOCKED","operatingState":"UP","protocols":{"other":{"Address":"'$i'"}},"autoEvents":[{"interval":"1s","sourceName":"Int32"}]}}'
        done
        curl -fsS --max-time 60 -o "$SCRATCH/added" -d "[${body#,}]" "$METADATA/device"
        ! grep -o '"statusCode":[45][0-9]*' "$SCRATCH/added" || fail "devices were refused"
    done
}

docker_find
scratch_make
[ "$(id -u)" = 0 ] || skip "memory of containers is for root to see"
images_build
all=$(sizes)

began=$(now_ms)
"$DOCKER" run --rm debian:bookworm-slim true
calibration=$(($(now_ms) - began))
began=$(now_ms)
compose up -d >"$SCRATCH/up.log" 2>&1 || { cat "$SCRATCH/up.log"; fail "compose up"; }
within 30 "all services to answer" all_answer
answer=$(($(now_ms) - began))
within 60 "all containers healthy" all_healthy
healthy=$(($(now_ms) - began))
say "up: all answer after $answer ms, healthy after $healthy ms; a container that does nothing: $calibration ms"

sleep 10 # a measurement, not a wait
idle=$(memory "at rest")
devices_add
sleep 5
before=$(event_count)
began=$(now_ms)
sleep $SECONDS_MEASURED
rate=$((($(event_count) - before) * 1000 / ($(now_ms) - began)))
loaded=$(memory "with $N_DEVICES devices, one reading a second each")
say "bench footprint images_kb=$(kb "$all") answer_ms=$answer healthy_ms=$healthy run_ms=$calibration idle_pss_kb=$idle loaded_pss_kb=$loaded events_s=$rate"
