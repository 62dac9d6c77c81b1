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

changes() { git -C "$SOURCE" status --porcelain --untracked-files=all | cut -c 4- | sort | xargs; }

test_what_is_refused() {
    local name
    for name in Demo d 2demo demo_two demo- a--b "a b" 'a/../b' "$(printf 'x%.0s' {1..32})"; do
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
    new 1 service device-demo
    says "./edgex new driver"
    new 1 service edgexd
    says "'edgexd' means something else already"
    new 1 service demo --port 59880
    says "port 59880 is core-data's; the next free one is 59800"
    for name in 0 80 65536 many 059880; do
        new 1 service demo --port $name
        says "'$name' is no port"
    done
    new 1 service demo --below lib
    says "there is no root 'lib'; there are: services export"
    new 1 service
    says "it needs a name"
    new 1 service demo other
    new 1 service demo --hard
    says "unknown option '--hard'"
    new 1 gadget demo
    says "there is no kind 'gadget'"
    new 0 service --help
    says "--port N"
    [ -z "$(changes)" ] || fail "something was changed: $(changes)"
}

test_one_command() {
    new 0 service demo
    says "services/demo/ is a service at port 59800"
    [ "$(changes)" = "docker-compose.edgexd.yml docker-compose.yml docs/api/demo.md docs/api/openapi/demo.yaml docs/services.md $(
        echo services/demo/{README.md,demo.h,main.c,res/configuration.yaml,service.c,test_demo.c})" ] || fail "other changes: $(changes)"
    "$SOURCE/tests/tools/lists.sh" || fail "the lists are not current"
    grep -qF '| GET | `/api/v3/demo` |' "$SOURCE/docs/api/demo.md" || fail "$(cat "$SOURCE/docs/api/demo.md")"
    ! command -v clang-format >/dev/null || clang-format --dry-run --Werror "$SOURCE"/services/demo/*.[ch] || fail "not as .clang-format has it"
    ! grep -r '@[A-Z]*@' "$SOURCE/services/demo" || fail "something was left"
    new 1 service demo
    says "there is a service 'demo' already"
    new 1 service other --port 59800
    says "the next free one is 59801"
}

# Another root is as good.
test_below_another_root() {
    new 0 service more-demo --below export
    says "export/more-demo/ is a service at port 59801"
    [ -s "$SOURCE/docs/api/more-demo.md" ] || fail "it has no page"
    [ -s "$SOURCE/docs/api/openapi/more-demo.yaml" ] || fail "it has no document"
    grep -qF '(../export/more-demo/README.md)' "$SOURCE/docs/services.md" || fail "$(cat "$SOURCE/docs/services.md")"
}

test_its_own_test() {
    build unit-services
    ctest --test-dir "$EDGE_BIN_DIR" -R '^unit/(more_)?demo$' >"$SCRATCH/ctest.log" 2>&1 || fail "$(cat "$SCRATCH/ctest.log")"
    grep -q "100% tests passed, 0 tests failed out of 2" "$SCRATCH/ctest.log" || fail "$(cat "$SCRATCH/ctest.log")"
}

demo() { curl -fsS "http://localhost:$DEMO__SERVICE_PORT/api/v3/$1"; }

# In one process, and in one of its own.
test_it_runs() {
    local shape text
    build edgexd "${SERVICES[@]}"
    for shape in "" --split; do
        edgex 0 up --detach $shape
        says "demo             http://localhost:$DEMO__SERVICE_PORT"
        for text in ping version config; do
            demo $text | grep -q '"serviceName":"demo"' || fail "$text: $(demo $text)"
        done
        [ "$(demo demo)" = '{"apiVersion":"v3","message":"hello","statusCode":200}' ] || fail "$(demo demo)"
        curl -fsS "http://localhost:$MORE_DEMO__SERVICE_PORT/api/v3/config" | grep -q '"StartupMsg":"more-demo is up"' ||
            fail "more-demo has not read its file"
        edgex 0 status
        grep -qE "^demo +[1-9][0-9]* +$DEMO__SERVICE_PORT up " <<<"$OUTPUT" || fail "$OUTPUT"
        [ "$(cat "$SCRATCH/ours/run/demo.pid" 2>/dev/null)" = "$([ -z "$shape" ] || pid_in demo)" ] || fail "demo is not where it should be"
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
        grep -q '^  demo:$' "$SOURCE/docker-compose.yml" || fail "$(cat "$SOURCE/docker-compose.yml")"
        return
    fi
    for file in docker-compose.yml docker-compose.edgexd.yml; do
        "${compose[@]}" -f "$SOURCE/$file" config >"$SCRATCH/$file" || fail "$file"
        grep -q '59800' "$SCRATCH/$file" || fail "$(cat "$SCRATCH/$file")"
    done
    services=$("${compose[@]}" -f "$SOURCE/docker-compose.yml" config --services | sort | xargs)
    [ "$services" = "$(printf '%s\n' mqtt-broker "${SERVICES[@]}" | sort | xargs)" ] || fail "$services"
    grep -q 'PROGRAM: demo' "$SCRATCH/docker-compose.yml" || fail "the image has another program"
}

test_the_package_has_it() {
    local file
    EDGEX_HOME=$SOURCE BUILD=build/release bash -c 'set -euo pipefail
        . "$EDGEX_HOME/tools/common.sh"; . "$EDGEX_HOME/tools/package.sh"; package_tree "$0"' "$SCRATCH/package" || fail "no package"
    for file in usr/bin/demo usr/lib/systemd/system/edgex-demo.service etc/edgex/demo/configuration.yaml; do
        [ -s "$SCRATCH/package/$file" ] || fail "$file is not in the package: $(cd "$SCRATCH/package" && find . -type f)"
    done
    grep -qx /etc/edgex/demo/configuration.yaml "$SCRATCH/package/DEBIAN/conffiles" || fail "$(cat "$SCRATCH/package/DEBIAN/conffiles")"
    grep -q 'Conflicts=.*edgex-demo.service' "$SCRATCH/package/usr/lib/systemd/system/edgexd.service" || fail "edgexd runs beside it"
}

test_what_is_refused
test_one_command
test_below_another_root
SERVICES=() SERVICE_FOLDERS=() SERVICE_PORTS=() SERVICE_CONF=()
services_read "$SOURCE"
ports
test_its_own_test
test_it_runs
test_platforms_have_it
test_compose_has_it
test_the_package_has_it
rm -rf "$SOURCE"
