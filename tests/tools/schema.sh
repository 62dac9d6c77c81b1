#!/usr/bin/env bash
# --schema of every device service and example: sound JSON Schema, and what comes with the service agrees with it.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${EDGE_BIN_DIR:?the build tree}
if ! /usr/bin/python3 -c 'import yaml, jsonschema' 2>/dev/null; then
    echo "SKIPPED: no python3-yaml, python3-jsonschema" >&2
    exit 77
fi
N=0
for program in "$BIN"/device[-_]*; do
    name=${program##*/}
    if [ ! -f "$program" ] || [ ! -x "$program" ] || [[ $name = *-test || $name = *-bench ]]; then continue; fi
    "$program" --help | grep -q -- '^  --schema ' || { echo "$name --help does not list --schema" >&2; exit 1; }
    "$program" --schema | /usr/bin/python3 "$SOURCE/tests/tools/schema.py" "$SOURCE/services/$name/res" ||
        { echo "$name --schema" >&2; exit 1; }
    N=$((N + 1))
done
[ "$N" -gt 0 ] || { echo "there is no device service in $BIN" >&2; exit 1; }
! "$BIN/core-data" --schema 2>/dev/null || { echo "core-data has a --schema" >&2; exit 1; }
echo "$N device services"
