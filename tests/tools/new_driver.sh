#!/usr/bin/env bash
# ./edgex new driver: what it makes builds, is tested and runs as it is; what it refuses, it says why.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=${EDGE_BIN_DIR:?the build tree}
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

make_new() { EDGEX_BIN=$BIN "$SOURCE/edgex" new driver "$@" >"$SCRATCH/said" 2>&1; }
refuses() { # refuses WORDS ARGUMENT...: it fails and says so
    local words=$1
    shift
    ! make_new "$@" || fail "new driver $* was taken"
    grep -qF -- "$words" "$SCRATCH/said" || fail "new driver $*: $(cat "$SCRATCH/said")"
}

# What libraries were built with, who links them needs, too.
sanitizers() { sed -n 's/^EDGE_SANITIZE:STRING=address$/-fsanitize=address,undefined/p;s/^EDGE_SANITIZE:STRING=thread$/-fsanitize=thread/p' "$BIN/CMakeCache.txt"; }

# ---- refusals ------------------------------------------------------------------------------------
for name in Pump 1pump pump_1 pump- 'a b' ../x '' ; do
    [ -n "$name" ] || continue
    refuses "is no name for a driver" "$name" "$SCRATCH/x"
done
refuses "is no name for a driver" "$(printf 'a%.0s' {1..41})" "$SCRATCH/x"
refuses "there is a service device-virtual already" virtual
mkdir "$SCRATCH/there"
refuses "$SCRATCH/there is there already" pump "$SCRATCH/there"
refuses "one NAME and one FOLDER" pump a b
refuses "below services/ the folder is called as the service is" pump "$SOURCE/services/other"
[ ! -e "$SCRATCH/x" ] || fail "a refusal left something behind"
"$SOURCE/edgex" new driver --help | grep -q 'Usage: ./edgex new driver NAME' || fail "no help"
"$SOURCE/edgex" new --help | grep -q './edgex new driver NAME' || fail "new --help does not list it"
! "$SOURCE/edgex" new nonsense x 2>"$SCRATCH/said" || fail "there is a kind 'nonsense'"

# ---- a project of its own ------------------------------------------------------------------------
make_new tank-level "$SCRATCH/my driver" || fail "new driver: $(cat "$SCRATCH/said")"
[ "$(grep -c '^  [123] ' "$SCRATCH/said")" = 3 ] || fail "it does not say the three next steps"
cd "$SCRATCH/my driver"
! grep -rn '@[A-Z]*@' . || fail "placeholders are left"
CFLAGS=$(sanitizers) LDFLAGS=$(sanitizers) cmake -S . -B build -G Ninja -DEDGEX_SDK="$BIN" \
    -DCMAKE_C_FLAGS="-Werror $(sanitizers)" >"$SCRATCH/log" 2>&1 || fail "cmake: $(cat "$SCRATCH/log")"
cmake --build build >"$SCRATCH/log" 2>&1 || fail "it does not build: $(tail -n 20 "$SCRATCH/log")"
ctest --test-dir build --output-on-failure >"$SCRATCH/log" 2>&1 || fail "its test: $(tail -n 30 "$SCRATCH/log")"
build/bench-driver 200 | grep -q '^[0-9]* reads/s of 3 resources$' || fail "its benchmark does not say how many reads a second"
if command -v clang >/dev/null; then
    CC=clang cmake -S . -B build-fuzz -G Ninja -DEDGEX_SDK="$BIN" >"$SCRATCH/log" 2>&1 || fail "cmake: $(cat "$SCRATCH/log")"
    cmake --build build-fuzz -t fuzz-frame >"$SCRATCH/log" 2>&1 || fail "no fuzz target: $(tail -n 20 "$SCRATCH/log")"
    build-fuzz/fuzz-frame -runs=20000 -max_len=64 >"$SCRATCH/log" 2>&1 || fail "its fuzz target: $(tail -n 20 "$SCRATCH/log")"
fi
build/device-tank-level --version | grep -q "^device-tank-level 0.1.0 " || fail "it does not run, or hides its version"

# Its test is worth something: a driver that reads the wrong thing does not pass.
sed -i 's/tank->level = 100;/tank->level = 99;/' device_tank_level.c
cmake --build build >/dev/null
! ctest --test-dir build >/dev/null 2>&1 || fail "its test does not see a wrong level"

sed -i 's/tank->level = 99;/tank->level = 100;/' device_tank_level.c
sed -i 's/value = value << 8 | from\[3 + i\]/value = value << 8 | from[4]/' codec/tank_level_frame.c
cmake --build build >/dev/null
! ctest --test-dir build >/dev/null 2>&1 || fail "its test does not see a codec that reads the wrong byte"

# ---- a part of the platform ------------------------------------------------------------------------
# Always the same place: ccache knows what was compiled there before.
TREE=$BIN/new_driver
rm -rf "$TREE"
mkdir "$TREE"
cd "$SOURCE"
git ls-files -z | xargs -0 cp --parents -t "$TREE"
"$TREE/edgex" new driver tank >"$SCRATCH/said" 2>&1 || fail "new driver in a checkout: $(tail -n 30 "$SCRATCH/said")"
[ -f "$TREE/services/device-tank/main.c" ] || fail "it is not below services/"
[ -s "$TREE/docs/api/device-tank.md" ] || fail "it has no page"
! command -v clang-format >/dev/null || (cd "$TREE/services/device-tank" && clang-format --dry-run --Werror ./*.[ch] {test,codec}/*.[ch] {fuzz,bench}/*.c) ||
    fail "it is not formatted as the rest is"
cmake -S "$TREE" -B "$TREE/build/release" -DEDGE_TESTS=ON >"$SCRATCH/log" 2>&1 || fail "cmake: $(tail -n 20 "$SCRATCH/log")"
ninja -C "$TREE/build/release" device-tank-test device-tank-bench edgexd >"$SCRATCH/log" 2>&1 || fail "$(tail -n 20 "$SCRATCH/log")"
(cd "$TREE/build/release" && ctest -R '^driver/device-tank$') >"$SCRATCH/log" 2>&1 || fail "its test: $(cat "$SCRATCH/log")"
grep -q '100% tests passed, 0 tests failed out of 1' "$SCRATCH/log" || fail "its test is not run"
grep -q 'device_tank' "$TREE/build/release/services/edge_services.h" || fail "it is no part of edgexd"
rm -rf "$TREE"
echo "passed"
