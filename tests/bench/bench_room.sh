#!/usr/bin/env bash
# room [SERVICES]: what each further service costs edgexd in proportional memory (Pss) when nobody asks it
# anything; five as ./edgex new service makes them, or so many. Calibration: an empty process.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
N=${1:-5}
ROUNDS=5
COPY=$EDGE_BIN_DIR/room # always the same place: ccache knows what was compiled there before
SCRATCH=$(mktemp -d)
PID=
trap '[ -z "$PID" ] || kill -KILL "$PID"; rm -rf "$SCRATCH" "$COPY"' EXIT
# shellcheck source=tests/tools/ports.sh
. "$SOURCE/tests/tools/ports.sh"
# shellcheck source=tools/services.sh
. "$SOURCE/tools/services.sh"

fail() {
    echo "room: $*" >&2
    exit 1
}

copy_with_more() { # a tree with N more services, and its edgexd
    rm -rf "$COPY"
    mkdir -p "$COPY"
    (cd "$SOURCE" && cp -r --parents CMakeLists.txt lib device-sdk services tools packaging "$COPY")
    EDGEX_HOME=$COPY bash -c 'set -euo pipefail
        . "$EDGEX_HOME/tools/common.sh"; . "$EDGEX_HOME/tools/new_service.sh"
        for ((i = 1; i <= $0; i++)); do new_service_write "$EDGEX_HOME/services/demo$i" "demo$i" $((NEW_PORT + i)); done' "$N"
    { cmake -G Ninja -S "$COPY" -B "$COPY/build" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF && ninja -C "$COPY/build" edgexd; } \
        >"$SCRATCH/build.log" 2>&1 || { tail -n 20 "$SCRATCH/build.log" >&2; fail "it does not build"; }
}

pss_kb() { awk '/^Pss:/ {print $2; exit}' "/proc/$1/smaps_rollup"; }

all_answer() {
    local port
    for port in "$@"; do curl -fsS --max-time 2 "http://localhost:$port/api/v3/ping" >/dev/null 2>&1 || return 1; done
}

idle_kb() { # idle_kb HOME EDGEXD: some seconds after all answer
    local name variable ports=() n=0 free=("${ALL_PORTS[@]}")
    SERVICES=() SERVICE_FOLDERS=() SERVICE_PORTS=() SERVICE_CONF=()
    services_read "$1"
    for name in "${SERVICES[@]}"; do
        variable=${name//-/_}
        export "${variable^^}__SERVICE_PORT=${free[${#ports[@]}]}"
        ports+=("${free[${#ports[@]}]}")
    done
    REGISTRY_PORT=$CORE_KEEPER__SERVICE_PORT "$2" -cd "$1/services" --data "$SCRATCH/data" -r >"$SCRATCH/log" 2>&1 &
    PID=$!
    until all_answer "${ports[@]}"; do
        n=$((n + 1))
        [ $n -lt 300 ] || { tail -n 5 "$SCRATCH/log" >&2; fail "not all services answer"; }
        sleep 0.1
    done
    sleep 5 # a measurement, not a wait
    KB=$(pss_kb $PID)
    kill -TERM $PID
    wait $PID || fail "edgexd ended with $?"
    PID=
    rm -rf "$SCRATCH/data"
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

read -ra ALL_PORTS <<<"$EDGE_TEST_PORTS"
[[ $N -gt 0 && $N -le 40 ]] || fail "from 1 to 40 services"
copy_with_more
before=() after=()
for ((round = 0; round < ROUNDS; round++)); do
    idle_kb "$SOURCE" "$EDGE_BIN_DIR/edgexd"
    before+=("$KB")
    idle_kb "$COPY" "$COPY/build/edgexd"
    after+=("$KB")
    echo "edgexd idle: ${before[-1]} kB, with $N more services ${after[-1]} kB"
done
sleep 30 &
empty=$(pss_kb $!)
kill $!
each=$((($(median "${after[@]}") - $(median "${before[@]}")) / N))
echo "bench room services=$N before_kb=$(median "${before[@]}") after_kb=$(median "${after[@]}") each_kb=$each empty_process_kb=$empty"
