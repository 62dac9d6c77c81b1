#!/usr/bin/env bash
# Go programs against the daemons in EDGE_BIN_DIR; see README.md. Arguments go to `go test`.
# Exit code 77: skipped, because Go or the modules of go.mod cannot be had here.
set -euo pipefail
if [ -n "${EDGE_BIN_DIR:-}" ]; then
    EDGE_BIN_DIR=$(realpath "$EDGE_BIN_DIR") # the programs start elsewhere
fi
cd "$(dirname "${BASH_SOURCE[0]}")"

skip() {
    echo "SKIPPED: $1: nothing of interop was tested" >&2
    exit 77
}

EDGE_SOURCE_DIR=$(cd ../.. && pwd)
export EDGE_SOURCE_DIR
export EDGE_BIN_DIR=${EDGE_BIN_DIR:-$EDGE_SOURCE_DIR/build/release}
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=readonly"
export PATH="$PATH:/usr/local/go/bin:/usr/sbin"

# shellcheck source=tests/tools/ports.sh
. "$EDGE_SOURCE_DIR/tests/tools/ports.sh"

command -v go >/dev/null || skip "no go"
timeout 60 go mod download || skip "no Go modules"
exec go test -count=1 -timeout 150s "$@" ./...
