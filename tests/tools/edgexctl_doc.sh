#!/usr/bin/env bash
# docs/edgexctl.md: its table becomes its profile, by its command; wrong cells are named as it says; --help has all options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PAGE=$PWD/docs/edgexctl.md
PATH=$EDGE_BIN_DIR:$PATH
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
cd "$SCRATCH"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

block() { awk -v kind="\`\`\`$1" '$0 == kind {on = 1; next} $0 == "```" {on = 0} on' "$PAGE"; }

block csv >meter.csv
block yaml >wanted.yaml
if ! [ -s meter.csv ] || ! [ -s wanted.yaml ]; then fail "the page has no table or no profile"; fi
command=$(sed -n 's/^    \(edgexctl profile from-csv meter.csv .*\)/\1/p' "$PAGE")
$command || fail "$command"
diff wanted.yaml pm-3.yaml || fail "the profile is another one"

sed '4s/0,1/0.1.1/;6s/UINT32/UINT24/' meter.csv >wrong.csv
mv wrong.csv meter.csv
if edgexctl profile from-csv meter.csv >out 2>said; then fail "wrong cells are taken"; fi
[ ! -s out ] || fail "something is written"
diff <(sed -n 's/^    \(meter.csv: .*\)/\1/p' "$PAGE") said || fail "other words"

edgexctl --help | grep -q 'profile from-csv' || fail "no list of verbs"
edgexctl --version | grep -q '^edgexctl ' || fail "no version"
for option in name manufacturer model description base hex table command check output service; do
    edgexctl profile from-csv --help | grep -q -- "--$option" || fail "--help lacks --$option"
done
for words in "" "profile" "profiles from-csv" "profile from-cvs x" "profile from-csv" "profile from-csv a b"; do
    status=0
    # shellcheck disable=SC2086 # words they are
    edgexctl $words >out 2>said || status=$?
    if [ "$status" != 2 ] || ! [ -s said ]; then fail "edgexctl $words: $status"; fi
done
edgexctl profile from-csv /nowhere.csv 2>said && fail "no file"
grep -q '/nowhere.csv: No such file' said || fail "$(cat said)"
edgexctl profile from-csv - --check <meter.csv 2>said && fail "wrong cells"
EDGEX_BIN=$EDGE_BIN_DIR "$OLDPWD/edgex" profile from-csv --help | grep -q SYNOPSIS || fail "./edgex profile"
EDGEX_BIN=$EDGE_BIN_DIR "$OLDPWD/edgex" edgexctl profile --help | grep -q from-csv || fail "./edgex edgexctl"
