#!/usr/bin/env bash
# Official Go modules against the daemons in EDGE_BIN_DIR; see README.md. Arguments go to `go test`.
# Exit code 77: skipped, because Go or the modules of go.mod cannot be had here.
set -euo pipefail
if [ -n "${EDGE_BIN_DIR:-}" ]; then
    EDGE_BIN_DIR=$(realpath "$EDGE_BIN_DIR") # the programs start elsewhere
fi
cd "$(dirname "${BASH_SOURCE[0]}")"

skip() {
    echo "SKIPPED: $1: nothing was tested with the official modules" >&2
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
timeout 300 go mod download || skip "no Go modules"
OFFICIAL_DEVICE=$(mktemp)
export OFFICIAL_DEVICE
trap 'rm -f "$OFFICIAL_DEVICE"' EXIT
go build -o "$OFFICIAL_DEVICE" ./device
go test -count=1 -timeout 240s "$@" .
