#!/usr/bin/env bash
# What is committed of what the list of services says is what it says; and a service.conf does what it promises.
# shellcheck disable=SC2016 # what is not expanded is meant so
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

lists() { # lists HOME OUTPUT
    EDGEX_HOME=$1 bash -c 'set -euo pipefail; . "$EDGEX_HOME/tools/common.sh"; . "$EDGEX_HOME/tools/lists.sh"; lists_write "$0"' "$2"
}

has() { # has FILE LINE: with its indent
    grep -qxF -- "$2" "$1" || fail "'$2' is not a line of: $(cat "$1")"
}

test_what_is_committed_is_current() {
    local file
    lists "$SOURCE" "$SCRATCH/now"
    for file in docker-compose.yml docker-compose.edgexd.yml .dockerignore docs/services.md; do
        diff "$SOURCE/$file" "$SCRATCH/now/$file" || fail "$file is not current: ./edgex docs"
    done
}

# A tree with three services of its own, in three roots.
tree() {
    mkdir -p "$SCRATCH/tree/services/edgexd" "$SCRATCH/tree/services/b/res" "$SCRATCH/tree/export/a/res" "$SCRATCH/tree/security/no-service"
    cp -r "$SOURCE/tools" "$SOURCE/packaging" "$SCRATCH/tree"
    touch "$SCRATCH"/tree/{services/edgexd,services/b,export/a}/main.c
    printf 'Service:\n  Host: x\n  Port: 5001 # remark\n' >"$SCRATCH/tree/services/b/res/configuration.yaml"
    printf 'Writable:\n  Port: 1\nService:\n  Port: 5002\n' >"$SCRATCH/tree/export/a/res/configuration.yaml"
}

test_order_and_places() {
    [ "$("$SCRATCH/tree/tools/services.sh")" = "a export/a 5002"$'\n'"b services/b 5001" ] || fail "$("$SCRATCH/tree/tools/services.sh")"
    echo "start 7" >"$SCRATCH/tree/services/b/service.conf"
    [ "$("$SCRATCH/tree/tools/services.sh")" = "b services/b 5001"$'\n'"a export/a 5002" ] || fail "$("$SCRATCH/tree/tools/services.sh")"
}

test_an_optional_service() {
    echo "default no" >"$SCRATCH/tree/export/a/service.conf"
    lists "$SCRATCH/tree" "$SCRATCH/out"
    has "$SCRATCH/out/docker-compose.yml" '    profiles: [a]'
    [ "$(grep -c profiles: "$SCRATCH/out/docker-compose.yml")" = 1 ] || fail "b has a profile, too"
    ! grep -q 5002 "$SCRATCH/out/docker-compose.edgexd.yml" || fail "published where it does not run"
    grep -qF '(../export/a/README.md), optional |' "$SCRATCH/out/docs/services.md" || fail "$(cat "$SCRATCH/out/docs/services.md")"
    [ "$("$SCRATCH/tree/tools/services.sh" | grep optional)" = "a export/a 5002 optional" ] || fail "$("$SCRATCH/tree/tools/services.sh")"
    running() {
        EDGEX_HOME=$SCRATCH/tree bash -c '. "$EDGEX_HOME/tools/services.sh"; services_read "$EDGEX_HOME"; services_with "$0" && echo "${SERVICES[*]}"' "$1" 2>&1
    }
    [ "$(running "")" = b ] || fail "$(running "")"
    [ "$(running " a,")" = "b a" ] || fail "$(running " a,")"
    [[ "$(running c)" = *"no service 'c'; optional ones are: a" ]] || fail "$(running c)"
}

test_a_service_of_its_own_kind() {
    local one=$SCRATCH/out/docker-compose.yml all=$SCRATCH/out/docker-compose.edgexd.yml unit=$SCRATCH/units/edgex-a.service
    cat >"$SCRATCH/tree/export/a/service.conf" <<'CONF'
# of its own kind
data yes
memory 99m
environment A=1
environment B=two words
publish 162/udp
device /dev/x dialout
device /dev/y
capability NET_RAW
CONF
    lists "$SCRATCH/tree" "$SCRATCH/out"
    has "$one" '    mem_limit: 99m'
    has "$one" '    user: "0:2001"'
    has "$one" '    devices: ["/dev/x:/dev/x", "/dev/y:/dev/y"]'
    has "$one" '    group_add: [dialout]'
    has "$one" '    cap_add: [NET_RAW, DAC_OVERRIDE]'
    has "$one" '      A: "1"'
    has "$one" '      B: "two words"'
    has "$one" '    volumes: ["a:/var/lib/edgex"]'
    has "$one" '      - "${EDGEX_ADDRESS:-127.0.0.1}:5002:5002"'
    has "$one" '      - "${EDGEX_ADDRESS:-127.0.0.1}:162:162/udp"'
    [ "$(grep -c 'cap_add\|devices:\|volumes: \[' "$one")" = 3 ] || fail "b has it, too: $(cat "$one")"
    has "$all" '    user: "0:2001"'
    has "$all" '    cap_add: [NET_RAW, DAC_OVERRIDE]'
    has "$all" '      - "${EDGEX_ADDRESS:-127.0.0.1}:162:162/udp"'
    has "$SCRATCH/out/.dockerignore" '!security'
    grep -qF '| [a](../export/a/README.md) | 5002 | `edgex-a` | `edgex-a.service` | volume `a` | [a](api/a.md) |' "$SCRATCH/out/docs/services.md" ||
        fail "$(cat "$SCRATCH/out/docs/services.md")"
    EDGEX_HOME=$SCRATCH/tree bash -c 'set -euo pipefail; . "$EDGEX_HOME/tools/common.sh"; . "$EDGEX_HOME/tools/package.sh"; package_units "$0"' "$SCRATCH/units"
    (cd "$SCRATCH/units" && [ "$(echo *)" = "edgex-a.service edgex-b.service edgexd.service" ]) || fail "$(ls "$SCRATCH/units")"
    for unit in "$SCRATCH"/units/{edgex-a,edgexd}.service; do
        has "$unit" 'PrivateDevices=no'
        has "$unit" 'DevicePolicy=closed'
        has "$unit" 'DeviceAllow=/dev/x rw'
        has "$unit" 'DeviceAllow=/dev/y rw'
        has "$unit" 'SupplementaryGroups=dialout'
        has "$unit" 'CapabilityBoundingSet=CAP_NET_RAW'
        has "$unit" 'AmbientCapabilities=CAP_NET_RAW'
        has "$unit" 'PrivateUsers=no'
    done
    has "$SCRATCH/units/edgexd.service" 'Conflicts=edgex-b.service edgex-a.service'
    has "$SCRATCH/units/edgex-b.service" 'PrivateDevices=yes'
    has "$SCRATCH/units/edgex-b.service" 'CapabilityBoundingSet='
    has "$SCRATCH/units/edgex-b.service" 'Conflicts=edgexd.service'
}

refused() { # refused TEXT
    local said
    ! said=$("$SCRATCH/tree/tools/services.sh" 2>&1) || fail "not refused"
    case "$said" in *"$1"*) ;; *) fail "'$1' is not in: $said" ;; esac
}

test_mistakes_are_named() {
    echo "mem 5m" >"$SCRATCH/tree/services/b/service.conf"
    refused "services/b/service.conf:1: there is no key 'mem'; there are: start default data memory"
    echo "data" >"$SCRATCH/tree/services/b/service.conf"
    refused "services/b/service.conf:1: 'data' has no value"
    echo "default yes" >"$SCRATCH/tree/services/b/service.conf"
    refused "services/b/service.conf:1: 'default' is no, or not there"
    rm "$SCRATCH/tree/services/b/service.conf"
    mkdir -p "$SCRATCH/tree/sysmgmt/b"
    touch "$SCRATCH/tree/sysmgmt/b/main.c"
    refused "sysmgmt/b: services/b has that name"
}

test_what_is_committed_is_current
tree
test_order_and_places
test_an_optional_service
test_a_service_of_its_own_kind
test_mistakes_are_named
