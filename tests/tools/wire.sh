#!/usr/bin/env bash
# Every section of the wire that something cites (`contract 4.6`) has its heading in docs/wire.md, once.
# Another tree may be given as argument.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
WIRE=docs/wire.md

headings() { sed -nE 's/^##+ ([0-9]+(\.[0-9]+)?) .*/\1/p' "$WIRE"; }

# "file:section" of each citation. A list of sections may go on in the comment's next line.
citations() {
    local file
    grep -rlIE 'contract$|contract [0-9]' lib services device-sdk tools tests docs README.md | while read -r file; do
        sed -E 's/^[[:space:]]*(\*|\/\/|#)?[[:space:]]*//' "$file" | tr '\n' ' ' |
            { grep -oE '\bcontract [0-9]+(\.[0-9]+)?((,| and|, and) [0-9]+\.[0-9]+)*' || true; } |
            { grep -oE '[0-9]+(\.[0-9]+)?' || true; } | sed "s|^|$file:|"
    done
    # reasons of deviations from the OpenAPI files: "2.5: every batch is a list"
    sed -nE 's/.*"([0-9]+\.[0-9]+)(, [0-9]+\.[0-9]+)?[:"].*/\1\2/p' tests/contract/exceptions.py |
        { grep -oE '[0-9]+\.[0-9]+' || true; } | sed 's|^|tests/contract/exceptions.py:|'
}

found=$(headings)
twice=$(sort <<<"$found" | uniq -d)
missing=$(citations | sort -u | while IFS=: read -r file section; do
    case " ${found//$'\n'/ } " in
    *" $section "*) ;;
    *) echo "$file cites contract $section, which $WIRE does not have" ;;
    esac
done)
if [ -n "$twice$missing" ]; then
    [ -z "$twice" ] || echo "$WIRE has more than one section ${twice//$'\n'/, }" >&2
    [ -z "$missing" ] || echo "$missing" >&2
    exit 1
fi
