#!/usr/bin/env bash
# The common library's rooms stand as docs/architecture.md shows them: each public header has one, and a
# room includes nothing from a later one, nor from the contracts. The SDK's model and clients include none of its flows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
COMMON=lib/common
FAULTS=0

fault() {
    echo "$*" >&2
    FAULTS=$((FAULTS + 1))
}

declare -A PLACE=() ROOM=() # of a room, in the table; of a public header
while IFS='|' read -r _ room _ headers _; do
    room=${room//[\` ]/}
    PLACE[$room]=${#PLACE[@]}
    for header in ${headers//\`/}; do
        [ -z "${ROOM[$header]:-}" ] || fault "$header has two rooms"
        ROOM[$header]=$room
    done
done < <(sed -n '/^### Inside the common library/,/^## /p' docs/architecture.md | grep '^| `')

for folder in "$COMMON"/src/*; do
    [ -n "${PLACE[${folder##*/}]:-}" ] || fault "$folder is not in the table"
done
for header in "$COMMON"/include/edge/*.h; do
    [ -n "${ROOM[${header##*/}]:-}" ] || fault "$header is not in the table"
done

while IFS=: read -r file include; do
    included=${include#*\"} included=${included%\"*}
    case "$file" in
    */include/*) room=${ROOM[${file##*/}]:-} ;;
    *) room=${file#"$COMMON"/src/} room=${room%%/*} ;;
    esac
    case "$included" in
    edge/*) other=${ROOM[${included#edge/}]:-} ;;
    contracts/*) fault "$file includes $included" && continue ;;
    */*) other=${included%%/*} ;;
    *) continue ;; # its own room
    esac
    if [ "${PLACE[${other:-none}]:-99}" -gt "${PLACE[${room:-none}]:--1}" ]; then
        fault "$file includes $included: room '$room' stands before '$other'"
    fi
done < <(grep -r '^#include "' "$COMMON"/src "$COMMON"/include)

SDK=device-sdk/src
for entry in "$SDK"/*; do
    case "${entry##*/}" in
    model | clients | flows) ;;
    *) fault "$entry is neither of the model, nor of the clients, nor of the flows" ;;
    esac
done
while IFS=: read -r file include; do
    fault "$file includes a flow: $include"
done < <(grep -rE '^#include "([^"]*/)?flows' "$SDK/model" "$SDK/clients")

# The north side: stages, connectors, engine, in this order (export/README.md).
NORTH_SIDE="export"
declare -A NORTH=([stages]=1 [connectors]=2 [engine]=3
    [data.h]=1 [stage.h]=1 [connector.h]=2 [queue.h]=3 [settings.h]=3 [engine.h]=3 [routes.h]=3)
while IFS=: read -r file include; do
    included=${include#*\"} included=${included%\"*}
    case "$file" in
    */include/*) room=${file##*/} ;;
    *) room=${file#"$NORTH_SIDE"/src/} room=${room%%/*} ;;
    esac
    case "$included" in
    export/*) other=${included#export/} ;;
    edge/* | edgex/* | contracts/*) continue ;;
    */*) other=${included%%/*} ;;
    *) continue ;;
    esac
    if [ "${NORTH[$other]:-99}" -gt "${NORTH[$room]:--1}" ]; then
        fault "$file includes $included: '$room' stands before '$other'"
    fi
done < <(grep -r '^#include "' "$NORTH_SIDE"/src "$NORTH_SIDE"/include)

# The environment is read where something starts, by the configuration: never for a message or a request.
while read -r file; do
    fault "$file reads the environment"
done < <(grep -rl --include='*.[ch]' 'getenv(' lib device-sdk/src services |
    grep -vE "^$COMMON/src/(config|service)/|^(services/core-keeper/common|services/edgexd/main).c$")

[ "$FAULTS" = 0 ]
