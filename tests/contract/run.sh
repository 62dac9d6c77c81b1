#!/usr/bin/env bash
# The daemons in EDGE_BIN_DIR against the documents they serve, and against the platform's OpenAPI files where
# EDGE_API_DIR has them; see README.md.
# Exit code 77: skipped, because something it needs is not here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

skip() {
    echo "SKIPPED: $1: nothing of the contract was tested" >&2
    exit 77
}

EDGE_SOURCE_DIR=$(cd ../.. && pwd)
export EDGE_SOURCE_DIR
export EDGE_BIN_DIR=${EDGE_BIN_DIR:-$EDGE_SOURCE_DIR/build/release}
export EDGE_API_DIR=${EDGE_API_DIR:-$EDGE_SOURCE_DIR/../shared/edgex-api}
export PATH="$PATH:/usr/sbin"

# Debian's own Python: the packages belong to it.
/usr/bin/python3 -c 'import yaml, jsonschema' 2>/dev/null || skip "no python3-yaml, python3-jsonschema"
if [ ! -f "$EDGE_API_DIR/core-data.yaml" ]; then
    echo "no OpenAPI files of the platform in EDGE_API_DIR ($EDGE_API_DIR): only ours are looked at" >&2
    unset EDGE_API_DIR
fi
command -v mosquitto >/dev/null || skip "no mosquitto"
# shellcheck source=tests/tools/ports.sh
. "$EDGE_SOURCE_DIR/tests/tools/ports.sh"
exec /usr/bin/python3 -B contract.py "$@"
