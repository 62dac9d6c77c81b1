#!/usr/bin/env bash
# ./edgex new service, in a copy of the tree: after the one command the new service is built, tested, documented,
# packaged, in edgexd, in the compose files, and shown by the verbs.
# shellcheck disable=SC2016 # what is not expanded is meant so
set -euo pipefail
ORIGIN=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Always the same place: ccache knows what was compiled there before.
SOURCE=$EDGE_BIN_DIR/new_service
EDGE_BIN_DIR=$SOURCE/build/release

copy_tree() {
    rm -rf "$SOURCE"
    mkdir -p "$SOURCE"
    (cd "$ORIGIN" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$SOURCE" 2>/dev/null) || true
    git -C "$SOURCE" init -q
    git -C "$SOURCE" add -A
    git -C "$SOURCE" -c user.name=test -c user.email=test@localhost commit -qm "as it was"
    # One build tree for all: what the verbs build and what they do not, the unit tests.
    cmake -G Ninja -S "$SOURCE" -B "$EDGE_BIN_DIR" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
}
copy_tree
# shellcheck source=tests/tools/verbs_lib.sh
. "$ORIGIN/tests/tools/verbs_lib.sh"

build() { ninja -C "$EDGE_BIN_DIR" "$@" >"$SCRATCH/build.log" 2>&1 || { tail -n 30 "$SCRATCH/build.log"; fail "ninja $*"; }; }

new() { # new EXIT-CODE ARGUMENT...: output into OUTPUT
    local wanted=$1 code=0
    shift
    OUTPUT=$("$SOURCE/edgex" new "$@" 2>&1) || code=$?
    [ $code = "$wanted" ] || fail "./edgex new $*: exit code $code instead of $wanted: $OUTPUT"
}

next_port() { # next_port FROM: that ./edgex new is to take
    local port=$1
    while [[ " ${SERVICE_PORTS[*]} " = *" $port "* ]]; do port=$((port + 1)); done
    echo "$port"
}
PORT=$(next_port 59800)
NEXT_PORT=$(next_port $((PORT + 1)))

changes() { git -C "$SOURCE" status --porcelain --untracked-files=all | cut -c 4- | sort | xargs; }

test_what_is_refused() {
    local name
    for name in Dummy d 2dummy dummy_two dummy- a--b "a b" 'a/../b' "$(printf 'x%.0s' {1..32})"; do
        new 1 service "$name"
        says "'$name' is no name for a service"
    done
    for name in ls time http int printf; do new 1 service $name; done
    says "'printf' is a program of this system: /usr/bin/printf"
    new 1 service http
    says "'http' is taken: tests/unit/common/test_http.c is there already"
    new 1 service int
    says "'int' is a word of C or of its libraries"
    new 1 service core-data
    says "there is a service 'core-data' already: services/core-data"
    new 1 service device-dummy
    says "./edgex new driver"
    new 1 service edgexd
    says "'edgexd' means something else already"
    new 1 service dummy --port 59880
    says "port 59880 is core-data's; the next free one is $PORT"
    for name in 0 80 65536 many 059880; do
        new 1 service dummy --port $name
        says "'$name' is no port"
    done
    new 1 service dummy --below lib
    says "there is no root 'lib'; there are: services export"
    new 1 service
    says "it needs a name"
    new 1 service dummy other
    new 1 service dummy --hard
    says "unknown option '--hard'"
    new 1 gadget dummy
    says "there is no kind 'gadget'"
    new 0 service --help
    says "--port N"
    [ -z "$(changes)" ] || fail "something was changed: $(changes)"
}

test_one_command() {
    new 0 service dummy
    says "services/dummy/ is a service at port $PORT"
    [ "$(changes)" = "docker-compose.edgexd.yml docker-compose.yml docs/api/dummy.md docs/api/openapi/dummy.yaml docs/services.md $(
        echo services/dummy/{README.md,dummy.h,main.c,res/configuration.yaml,service.c,test_dummy.c})" ] || fail "other changes: $(changes)"
    "$SOURCE/tests/tools/lists.sh" || fail "the lists are not current"
    grep -qF '| GET | `/api/v3/dummy` |' "$SOURCE/docs/api/dummy.md" || fail "$(cat "$SOURCE/docs/api/dummy.md")"
    ! command -v clang-format >/dev/null || clang-format --dry-run --Werror "$SOURCE"/services/dummy/*.[ch] || fail "not as .clang-format has it"
    ! grep -r '@[A-Z]*@' "$SOURCE/services/dummy" || fail "something was left"
    new 1 service dummy
    says "there is a service 'dummy' already"
    new 1 service other --port "$PORT"
    says "the next free one is $NEXT_PORT"
}

# Another root is as good.
test_below_another_root() {
    new 0 service more-dummy --below export
    says "export/more-dummy/ is a service at port $NEXT_PORT"
    [ -s "$SOURCE/docs/api/more-dummy.md" ] || fail "it has no page"
    [ -s "$SOURCE/docs/api/openapi/more-dummy.yaml" ] || fail "it has no document"
    grep -qF '(../export/more-dummy/README.md)' "$SOURCE/docs/services.md" || fail "$(cat "$SOURCE/docs/services.md")"
}

test_its_own_test() {
    build unit-services
    ctest --test-dir "$EDGE_BIN_DIR" -R '^unit/(more_)?dummy$' >"$SCRATCH/ctest.log" 2>&1 || fail "$(cat "$SCRATCH/ctest.log")"
    grep -q "100% tests passed, 0 tests failed out of 2" "$SCRATCH/ctest.log" || fail "$(cat "$SCRATCH/ctest.log")"
}

dummy() { curl -fsS "http://localhost:$DUMMY__SERVICE_PORT/api/v3/$1"; }

# In one process, and in one of its own.
test_it_runs() {
    local shape text
    build edgexd edgexctl "${!SERVICE_FOLDERS[@]}"
    for shape in "" --split; do
        edgex 0 up --detach $shape
        says "dummy            http://localhost:$DUMMY__SERVICE_PORT"
        for text in ping version config; do
            dummy $text | grep -q '"serviceName":"dummy"' || fail "$text: $(dummy $text)"
        done
        [ "$(dummy dummy)" = '{"apiVersion":"v3","message":"hello","statusCode":200}' ] || fail "$(dummy dummy)"
        curl -fsS "http://localhost:$MORE_DUMMY__SERVICE_PORT/api/v3/config" | grep -q '"StartupMsg":"more-dummy is up"' ||
            fail "more-dummy has not read its file"
        edgex 0 status
        grep -qE "^dummy +[1-9][0-9]* +$DUMMY__SERVICE_PORT up " <<<"$OUTPUT" || fail "$OUTPUT"
        [ "$(cat "$SCRATCH/ours/run/dummy.pid" 2>/dev/null)" = "$([ -z "$shape" ] || pid_in dummy)" ] || fail "dummy is not where it should be"
        edgex 0 down
        says "Stopped."
    done
}

# The tests of whole platforms count it in: it answers what all have to answer, on a port that is not of our environment.
test_platforms_have_it() {
    build system-tests
    env -i PATH="$PATH" EDGE_BIN_DIR="$EDGE_BIN_DIR" EDGE_SOURCE_DIR="$SOURCE" "$EDGE_BIN_DIR/tests/system-tests" one_process >"$SCRATCH/system.log" 2>&1 || fail "$(tail -n 40 "$SCRATCH/system.log")"
}

test_compose_has_it() {
    local file compose=() services
    if docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose=(docker-compose)
    else
        say "SKIPPED: no docker-compose: the files were not read by it" >&2
        grep -q '^  dummy:$' "$SOURCE/docker-compose.yml" || fail "$(cat "$SOURCE/docker-compose.yml")"
        return
    fi
    for file in docker-compose.yml docker-compose.edgexd.yml; do
        "${compose[@]}" -f "$SOURCE/$file" config >"$SCRATCH/$file" || fail "$file"
        grep -q "$PORT" "$SCRATCH/$file" || fail "$(cat "$SCRATCH/$file")"
    done
    # Version 1 shows services of all profiles as it is.
    services=$("${compose[@]}" --profile '*' -f "$SOURCE/docker-compose.yml" config --services | sort | xargs)
    [ "$services" = "$(printf '%s\n' mqtt-broker "${!SERVICE_FOLDERS[@]}" | sort | xargs)" ] || fail "$services"
    grep -q 'PROGRAM: dummy' "$SCRATCH/docker-compose.yml" || fail "the image has another program"
}

test_the_package_has_it() {
    local file
    EDGEX_HOME=$SOURCE BUILD=build/release bash -c 'set -euo pipefail
        . "$EDGEX_HOME/tools/common.sh"; . "$EDGEX_HOME/tools/package.sh"; package_tree "$0"' "$SCRATCH/package" || fail "no package"
    for file in usr/bin/dummy usr/lib/systemd/system/edgex-dummy.service etc/edgex/dummy/configuration.yaml; do
        [ -s "$SCRATCH/package/$file" ] || fail "$file is not in the package: $(cd "$SCRATCH/package" && find . -type f)"
    done
    grep -qx /etc/edgex/dummy/configuration.yaml "$SCRATCH/package/DEBIAN/conffiles" || fail "$(cat "$SCRATCH/package/DEBIAN/conffiles")"
    grep -q 'Conflicts=.*edgex-dummy.service' "$SCRATCH/package/usr/lib/systemd/system/edgexd.service" || fail "edgexd runs beside it"
}

# It goes as it came.
test_it_is_removed() {
    rm -r "$SOURCE/services/dummy" "$SOURCE/export/more-dummy"
    "$SOURCE/edgex" docs >"$SCRATCH/docs.log" 2>&1 || fail "$(cat "$SCRATCH/docs.log")"
    [ -z "$(changes)" ] || fail "something is left: $(changes)"
}

test_what_is_refused
test_one_command
test_below_another_root
SERVICES=() SERVICE_FOLDERS=() SERVICE_PORTS=() SERVICE_CONF=()
services_read "$SOURCE"
services_with "" # without the optional ones
ports
test_its_own_test
test_it_runs
test_platforms_have_it
test_compose_has_it
test_the_package_has_it
test_it_is_removed
rm -rf "$SOURCE"
