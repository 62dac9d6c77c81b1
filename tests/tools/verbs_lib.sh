# shellcheck shell=bash
# To be sourced by the tests of the verbs: a platform on ports of its own, with the programs of EDGE_BIN_DIR; SOURCE is
# another tree where it is set.
set -euo pipefail
SOURCE=${SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
export EDGEX_BIN=$EDGE_BIN_DIR
SCRATCH=$(mktemp -d)
OTHER=

say() { printf '%s\n' "$*"; }
fail() {
    say "FAILED: $*"
    exit 1
}

cleanup() {
    "$SOURCE/edgex" down --data "$SCRATCH/ours" >/dev/null 2>&1 || true
    [ -z "$OTHER" ] || kill -KILL "$OTHER" 2>/dev/null || true
    rm -rf "$SCRATCH"
}
trap cleanup EXIT

# shellcheck source=tests/tools/ports.sh
. "$SOURCE/tests/tools/ports.sh"

# shellcheck source=tools/services.sh
. "$SOURCE/tools/services.sh"
services_read "$SOURCE"
services_with "" # without the optional ones

ports() {
    local name port=${EDGE_TEST_PORTS%% *}
    for name in "${SERVICES[@]}"; do
        name=${name//-/_} name=${name^^}
        while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
        export "${name}__SERVICE_PORT=$port"
        port=$((port + 1))
    done
    export REGISTRY_PORT=$CORE_KEEPER__SERVICE_PORT
    # The broker's own choice may be another test's, which looks while ours is being started again.
    export EDGEX_BROKER_PORT=$port
}

wait_for() { # wait_for COMMAND...: within two minutes, as slow as the machine may be
    local deadline=$((SECONDS + 120))
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "in vain: $*"
        sleep 0.05
    done
}

edgex() { # edgex EXIT-CODE VERB...: output into OUTPUT
    local wanted=$1 code=0
    shift
    OUTPUT=$("$SOURCE/edgex" "$@" --data "$SCRATCH/ours" 2>&1) || code=$?
    [ $code = "$wanted" ] || fail "./edgex $*: exit code $code instead of $wanted: $OUTPUT"
}

says() { case "$OUTPUT" in *"$1"*) ;; *) fail "'$1' is not in: $OUTPUT" ;; esac; }
says_not() { case "$OUTPUT" in *"$1"*) fail "'$1' is in: $OUTPUT" ;; esac; }

is_zombie() { grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }

pid_in() { cat "$SCRATCH/ours/run/$1.pid"; } # of what ./edgex up has started

ports
