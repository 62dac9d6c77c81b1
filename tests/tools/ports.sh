# shellcheck shell=bash
# To be sourced: EDGE_TEST_PORTS are 50 ports no other test has, as long as this shell lives;
# tests/support/ports.h says how.
lock_ports() {
    local block i
    for ((i = 0; i < 200; i++)); do
        block=$((($$ + i) % 200))
        exec {EDGE_TEST_LOCK}<>"/tmp/edge-test-ports-$block"
        if flock --nonblock "$EDGE_TEST_LOCK"; then
            EDGE_TEST_PORTS=$(seq --separator=' ' $((20000 + block * 50)) $((20049 + block * 50)))
            export EDGE_TEST_PORTS
            return 0
        fi
        exec {EDGE_TEST_LOCK}>&-
    done
    echo "all blocks of ports are locked" >&2
    return 1
}
lock_ports
