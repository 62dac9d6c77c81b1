#!/usr/bin/env bash
# docs/tutorial-driver.md, step by step in an empty folder, against real daemons: each file is written as the page
# has it, each command is run, each output is compared. Only ports are others than the page's.
set -euo pipefail
# shellcheck source=tests/tools/verbs_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/verbs_lib.sh"
PAGE=$SOURCE/docs/tutorial-driver.md
STEPS=$SCRATCH/steps
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || { say "SKIPPED: no mosquitto"; exit 77; }

KETTLE='' DRIVER=''
end() {
    [ -z "$DRIVER" ] || kill "$DRIVER" 2>/dev/null || true
    [ -z "$KETTLE" ] || kill "$KETTLE" 2>/dev/null || true
    cleanup
}
trap end EXIT

# The reader's checkout: ours, with the programs that are tested and a data directory of its own.
make_checkout() {
    mkdir -p "$SCRATCH/edgex-c/build"
    ln -s "$EDGE_BIN_DIR" "$SCRATCH/edgex-c/build/release"
    printf '#!/bin/sh\nexec "%s/edgex" "$@" --data "%s/ours"\n' "$SOURCE" "$SCRATCH" >"$SCRATCH/edgex-c/edgex"
    chmod +x "$SCRATCH/edgex-c/edgex"
}

# What the libraries were built with, who links them needs, too.
SANITIZERS=$(sed -n 's/^EDGE_SANITIZE:STRING=address$/-fsanitize=address,undefined/p;s/^EDGE_SANITIZE:STRING=thread$/-fsanitize=thread/p' \
    "$EDGE_BIN_DIR/CMakeCache.txt")
cc() { command cc "$@" $SANITIZERS; }

here() { # here FILE: with the ports of this run
    local broker
    broker=$(sed -n 's/^listener \([0-9]*\) .*/\1/p' "$SCRATCH/ours/run/mosquitto.conf" 2>/dev/null || true)
    sed -e "s/59880/$CORE_DATA__SERVICE_PORT/g;s/59881/$CORE_METADATA__SERVICE_PORT/g;s/59882/$CORE_COMMAND__SERVICE_PORT/g" \
        -e "s/59970/$DRIVER_PORT/g;s/\b7000\b/$KETTLE_PORT/g;s/18830/${broker:-18830}/g" "$1"
}

run_step() { # run_step FILE: in this shell, as the reader has one
    here "$1" >"$SCRATCH/step"
    # shellcheck source=/dev/null
    . "$SCRATCH/step" >"$SCRATCH/output" 2>&1 || STATUS=$?
}

shows() { # shows STEP: did the last step show what the page says?
    [ -f "$STEPS/$1.shown" ] || return 0
    here "$STEPS/$1.shown" >"$SCRATCH/shown"
    python3 "$SOURCE/tests/tools/tutorial.py" --match "$SCRATCH/shown" "$SCRATCH/output"
}

step_failed() {
    printf -- '--- step %s:\n' "$1"
    cat "$SCRATCH/step"
    printf -- '--- shows:\n'
    cat "$SCRATCH/output"
    [ ! -f "$STEPS/$1.shown" ] || { printf -- '--- instead of:\n'; cat "$SCRATCH/shown"; }
    tail -n 20 test.log driver.log 2>/dev/null || true
    fail "step $1 of ${PAGE##*/}"
}

do_step() { # do_step STEP
    local step=$1 name deadline=$((SECONDS + 30))
    STATUS=0
    if [ -f "$STEPS/$step.file" ]; then
        name=$(cat "$STEPS/$step.name")
        mkdir -p "$(dirname "$name")"
        here "$STEPS/$step.file" >"$name"
        return 0
    fi
    if [ -f "$STEPS/$step.until" ]; then
        until run_step "$STEPS/$step.until" && shows "$step"; do
            [ $SECONDS -lt $deadline ] || step_failed "$step"
            sleep 0.2
        done
        return 0
    fi
    run_step "$STEPS/$step.sh"
    if [ "$STATUS" != 0 ] || ! shows "$step"; then step_failed "$step"; fi
}

ports
export CLIENTS_CORE_METADATA_PORT=$CORE_METADATA__SERVICE_PORT
read -r DRIVER_PORT KETTLE_PORT <<<"$(printf '%s\n' $EDGE_TEST_PORTS | tail -n 2 | xargs)"
mkdir "$SCRATCH/kettle" "$STEPS"
python3 "$SOURCE/tests/tools/tutorial.py" "$PAGE" "$STEPS"
make_checkout
cd "$SCRATCH/kettle"
set +e # as the reader's shell
for file in "$STEPS"/*.file "$STEPS"/*.sh "$STEPS"/*.until; do basename "${file%.*}"; done | sort >"$SCRATCH/order"
mapfile -t ORDER <"$SCRATCH/order"
for number in "${ORDER[@]}"; do do_step "$number"; done
[ "${#ORDER[@]}" -ge 20 ] || fail "the page has ${#ORDER[@]} steps only"
[ "$(wc -l <device_kettle.c)" -lt 100 ] || fail "the driver is no longer below 100 lines"
KETTLE='' DRIVER=''
say "passed: ${#ORDER[@]} steps"
