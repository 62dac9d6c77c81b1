#!/usr/bin/env bash
# ./edgex logs: one order of time over all processes, also while it goes on.
set -euo pipefail
# shellcheck source=tests/tools/verbs_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/verbs_lib.sh"

times() { sed -n 's/^level=[A-Z]* ts=\([^ ]*\) .*/\1/p'; }
apps() { sed -n 's/^level=[A-Z]* ts=[^ ]* app=\([^ ]*\) .*/\1/p' | sort -u | xargs; }
in_order() { times <<<"$1" | LC_ALL=C sort -c || fail "not in order of time: $1"; }

test_nothing_to_show() {
    edgex 1 logs
    says "no logs in $SCRATCH/ours/log"
}

# All that has been said, of all processes, broker included, in one order.
test_all_in_order() {
    edgex 0 logs -n 1000
    in_order "$OUTPUT"
    [ "$(apps <<<"$OUTPUT")" = "$(printf '%s\n' "${SERVICES[@]}" | sort | xargs)" ] || fail "$OUTPUT"
    says "mosquitto version "
    grep -q "mosquitto version" <(head -n 20 <<<"$OUTPUT") || fail "the broker's first words are late: $OUTPUT"
    edgex 0 logs -n 3
    [ "$(wc -l <<<"$OUTPUT")" = 3 ] || fail "not 3 lines: $OUTPUT"
    edgex 1 logs -n many
    edgex 1 logs --all
    says "unknown option"
}

# One service: of its own process, and of the one process, before and after.
test_one_service() {
    edgex 0 logs core-data
    [ "$(apps <<<"$OUTPUT")" = core-data ] || fail "$OUTPUT"
    edgex 1 logs core-dada
    says "no service 'core-dada'"
}
test_one_service_in_both_shapes() {
    edgex 0 logs core-data -n 1000
    [ "$(apps <<<"$OUTPUT")" = core-data ] || fail "$OUTPUT"
    in_order "$OUTPUT"
    [ "$(grep -c 'core-data is up' <<<"$OUTPUT")" = 2 ] || fail "$OUTPUT"
}

follow() { # follow OPTION...
    : >"$SCRATCH/logs.out"
    "$SOURCE/edgex" logs -f "$@" --data "$SCRATCH/ours" >"$SCRATCH/logs.out" 2>&1 &
    OTHER=$!
}
unfollow() {
    kill -TERM "$OTHER"
    wait "$OTHER" || fail "logs -f ended with $?: $(cat "$SCRATCH/logs.out")"
    OTHER=
}
shown() { grep -qF "$1" "$SCRATCH/logs.out"; }
line() { echo "level=INFO ts=$(date -u -d "$2" +%FT%T.%NZ) app=$1 msg=\"$3\""; }

# An earlier line that is written later, in another file, stands before; a new file is found; what follows a line goes with it.
test_following() {
    follow -n 5
    wait_for shown "level=INFO"
    line core-data "1.4 seconds" "the second" >>"$SCRATCH/ours/log/core-data.log"
    line new-one "1.3 seconds" "the first" >"$SCRATCH/ours/log/new-one.log"
    { line core-data "1.5 seconds" "the third"; echo "  and its tail"; } >>"$SCRATCH/ours/log/core-data.log"
    wait_for shown "and its tail"
    unfollow
    grep -E "the (first|second|third)|its tail" "$SCRATCH/logs.out" | sed 's/.*the /the /;s/"//' | xargs -d '\n' >"$SCRATCH/order"
    grep -qx "the first the second the third   and its tail" "$SCRATCH/order" || fail "$(cat "$SCRATCH/logs.out")"
    in_order "$(cat "$SCRATCH/logs.out")"
    rm "$SCRATCH/ours/log/new-one.log"
}

# From now on, and of one service alone.
test_following_one() {
    follow -n 0 core-data
    wait_for has_read "$SCRATCH/ours/log/core-data.log"
    line core-data "now" "mine" >>"$SCRATCH/ours/log/core-data.log"
    line core-command "now" "not mine" >>"$SCRATCH/ours/log/core-command.log"
    wait_for shown '"mine"'
    unfollow
    [ "$(grep -c . "$SCRATCH/logs.out")" = 1 ] || fail "$(cat "$SCRATCH/logs.out")"
}
has_read() { # has_read FILE: to where it ended then; what comes from now on is new
    local fd
    fd=$(find "/proc/$OTHER/fd" -lname "$1" 2>/dev/null | head -n 1)
    [ -n "$fd" ] && grep -q '^pos:[[:space:]]*[1-9]' "/proc/$OTHER/fdinfo/${fd##*/}"
}

test_nothing_to_show
edgex 0 up --detach --split
test_all_in_order
test_one_service
test_following
test_following_one
edgex 0 down
edgex 0 up --detach
test_one_service_in_both_shapes
edgex 0 down
