#!/usr/bin/env bash
# The images: how much they add to their base, what they share, and that the same sources give the same
# layers elsewhere and without a cache. Exit code 77: skipped, no Docker works here.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BIGGEST_KB=12000 # a kB has 1000 bytes
SHARED_KB=13000 EACH_KB=800 # of all together: what they share, edgexd; and a program each
BROKER_KB=12300 # mosquitto is Debian's, with libraries no daemon has
TOGETHER_KB=13800 # edgexd is all daemons, those that are optional included

image() { echo "edgex-c/$1:$EDGEX_VERSION"; }
size_kb() { echo $(($("$DOCKER" image inspect -f '{{.Size}}' "$1") / 1000)); }
layers() { "$DOCKER" image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1" | grep .; }

test_sizes() {
    local base name added shared limit all=0 most=$SHARED_KB
    base=$(size_kb debian:bookworm-slim)
    shared=$(($(size_kb "$(image shared)") - base))
    for name in $(services) $OPTIONAL edgexd; do
        added=$(($(size_kb "$(image "$name")") - base))
        say "$name adds $added kB"
        case $name in
        mqtt-broker) limit=$BROKER_KB ;;
        edgexd) limit=$TOGETHER_KB ;;
        *) limit=$BIGGEST_KB ;;
        esac
        [ $added -lt $limit ] || fail "$name adds $added kB to its base"
        all=$((all + added - shared)) most=$((most + EACH_KB))
    done
    all=$((all + shared))
    say "all together add $all kB"
    [ $all -lt $most ] || fail "all together add $all kB"
}

# A layer is shared where its digest is the same.
test_shared_layers() {
    local name
    for name in $(services) $OPTIONAL edgexd; do
        [ "$(layers "$(image "$name")" | sed '$d')" = "$(layers "$(image shared)")" ] ||
            fail "$name does not share all but its last layer"
    done
}

# edgexd has the code of all daemons; what it is built from has other dates, and there is no cache.
test_reproducible() {
    mkdir "$SCRATCH/elsewhere"
    git -C "$SOURCE" ls-files -z | (cd "$SOURCE" && xargs -0 cp --parents -t "$SCRATCH/elsewhere")
    build_image daemon again --build-arg PROGRAM=edgexd --no-cache "$SCRATCH/elsewhere"
    diff <(layers "$(image edgexd)") <(layers "$(image again)") || fail "other bits from the same sources"
    "$DOCKER" rmi "$(image again)" >/dev/null
}

build_image() { # build_image TARGET NAME OPTION... SOURCE
    "$DOCKER" build -q --target "$1" -t "$(image "$2")" -f "${*: -1}/docker/Dockerfile" "${@:3}" >"$SCRATCH/build.log" 2>&1 ||
        { tail -n 40 "$SCRATCH/build.log"; fail "$1 does not build"; }
}

test_data_directory() { # what a fresh volume looks like inside
    local got
    got=$("$DOCKER" run --rm --entrypoint stat "$(image core-data)" -c '%u:%g %a' /var/lib/edgex)
    [ "$got" = "2002:2001 755" ] || fail "/var/lib/edgex is $got"
}

docker_find
scratch_make
run images_build
build_image runtime shared "$SOURCE"
run test_sizes
run test_shared_layers
run test_data_directory
run test_reproducible
"$DOCKER" rmi "$(image shared)" >/dev/null
say "passed"
