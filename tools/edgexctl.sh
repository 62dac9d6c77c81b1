# shellcheck shell=bash
# edgex edgexctl: the operators' tool as it is built here; with the packages it is a program of its own.

run_edgexctl() { # run_edgexctl ARGUMENTS: does not return
    [ -n "${EDGEX_BIN:-}" ] || build build/release -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -- edgexctl >&2
    exec "$BIN/edgexctl" "$@"
}

verb_main() { run_edgexctl "$@"; }
