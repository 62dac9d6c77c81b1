#!/usr/bin/env bash
# interop: a device service in Go publishes for DEVICES devices, RATE events a second each, for SECONDS
# through a broker; core-data must have stored every event. Tells how long a sample of them took until
# core-data gave them out, and what core-data and the broker used. Calibration: how long the same events
# take to another subscriber of the broker. Exit code 77: no Go, or not its modules.
set -euo pipefail
export INTEROP_LOAD="${1:-1000} ${2:-1} ${3:-60}"
run=$(dirname "${BASH_SOURCE[0]}")/../interop/run.sh
"$run" -v -timeout $((${3:-60} + 120))s -run '^TestEveryEventIsStored$' | grep -av '^\(=== \|PASS\)'
