#!/usr/bin/env bash
# Our JSONLogic against json-logic-js, on random rules and data: json_logic.sh [HOW_MANY [SEED]].
# Exit code 77: skipped, because node or the module of package-lock.json cannot be had here.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BIN=$(realpath "${EDGE_BIN_DIR:-$HERE/../../build/release}")

skip() {
    echo "SKIPPED: $1: nothing was compared" >&2
    exit 77
}

for tool in node npm; do
    command -v "$tool" >/dev/null || skip "no $tool"
done
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cp "$HERE"/package.json "$HERE"/package-lock.json "$SCRATCH"
(cd "$SCRATCH" && timeout 60 npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || skip "no json-logic-js"
NODE_PATH=$SCRATCH/node_modules node "$HERE/json_logic.js" "$BIN/tests/peer-logic" "$@"
