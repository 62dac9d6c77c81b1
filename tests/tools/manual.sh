#!/usr/bin/env bash
# docs/driver-manual.md names every function of the SDK's headers and no other, and log lines that there are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
MANUAL=docs/driver-manual.md
FAULTS=0
fault() {
    echo "$*" >&2
    FAULTS=$((FAULTS + 1))
}

functions() { grep -ohE '\bdevsdk_[a-z_0-9]+\(' "$@" | sort -u; }
headers=(device-sdk/include/devsdk/{devsdk,http,json,mqtt,ranges,test}.h)
while read -r name; do
    case "$name" in
    'devsdk_test_expect('*) ;; # behind DEVSDK_EXPECT
    'devsdk_test_expect_text('*) ;;
    *) grep -qF "${name%(}" "$MANUAL" || fault "$MANUAL does not have ${name%(}" ;;
    esac
done < <(functions "${headers[@]}")
while read -r name; do
    grep -qF "$name" "${headers[@]}" || fault "$MANUAL has ${name%(}, the headers do not"
done < <(functions "$MANUAL")

# The table of log lines: what stands in quotes, up to a name that is filled in.
while IFS='`' read -r _ line _; do
    [ -n "$line" ] || continue
    grep -rqF -- "${line%% ...*}" lib/common/src device-sdk/src || fault "$MANUAL: no log line '$line'"
done < <(sed -n '/^## Troubleshooting by log line/,$p' "$MANUAL" | grep '^| `')

[ "$FAULTS" = 0 ]
