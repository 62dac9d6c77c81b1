#!/usr/bin/env bash
# docs/api is what the tables of the services in EDGE_BIN_DIR say, and its OpenAPI documents are sound.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

pages=$(mktemp -d)
trap 'rm -r "$pages"' EXIT
"${EDGE_BIN_DIR:-build/release}/edgex-docs" "$pages"
if ! diff -r "$pages" docs/api; then
    echo "docs/api is not current: ./edgex docs" >&2
    exit 1
fi
if ! /usr/bin/python3 -c 'import yaml, jsonschema' 2>/dev/null; then
    echo "no python3-yaml, python3-jsonschema: the documents were not looked at" >&2
    exit 0
fi
exec /usr/bin/python3 -B tests/contract/sound.py docs/api/openapi/*.yaml
