#!/usr/bin/env bash
# Builds the service of this folder: build.sh PROGRAM. Exit code 77: there is no Go, or not its modules.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -mod=readonly" PATH="$PATH:/usr/local/go/bin"
command -v go >/dev/null || { echo "SKIPPED: there is no Go" >&2; exit 77; }
timeout 300 go mod download 2>&1 | tail -n 3 >&2 || { echo "SKIPPED: the modules of go.mod cannot be had" >&2; exit 77; }
go build -o "$program" .
