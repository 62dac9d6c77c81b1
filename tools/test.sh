# shellcheck shell=bash
# edgex test: everything that can fail, with sanitizers.

test_usage() {
    cat <<'EOF'
Usage: ./edgex test [-R REGEX] [--quick | --long [SECONDS] | --arch arm64]

Installs what the tests need, builds with address and undefined-behaviour sanitizers, with the thread
sanitizer and with libFuzzer, runs all of it under ctest, and exits non-zero on any failure.

  -R REGEX   only tests whose name matches (unit/..., system/..., tsan/..., fuzz/...)
  --quick    unit tests only
  --long [SECONDS]   the tests that have a long form, in it: 1,000 rounds of kill -9 under load, 100 kills
             each of the broker and of core-data over a million events, every pair of changing requests
             at once again and again for SECONDS (3600), every wrong value in core-keeper; they tell
             how far they are
  --arch arm64   unit tests only, cross-built for arm64, under qemu, without sanitizers; exit code 77:
             what that needs from Debian cannot be had
EOF
}

verb_main() {
    local filter=() quick=0 long=0 arch=
    while [ $# -gt 0 ]; do
        case "$1" in
        -R) [ $# -ge 2 ] || die "-R needs an expression"; filter=(-R "$2"); shift 2 ;;
        --quick) quick=1; filter=(-L unit); shift ;;
        --arch) [ "${2:-}" = arm64 ] || die "--arch knows arm64 only"; arch=$2; shift 2 ;;
        --long)
            long=3600
            if [[ ${2:-} =~ ^[1-9][0-9]*$ ]]; then long=$2; shift; fi
            shift
            ;;
        -h | --help) test_usage; exit 0 ;;
        *) die "test: unknown option '$1'; ./edgex test --help" ;;
        esac
    done
    [ "$arch" != arm64 ] || test_arm64 "${filter[@]}"
    install_packages "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    local more=()
    if [ $quick = 0 ] && [ "$long" = 0 ]; then
        build build/tsan -DEDGE_SANITIZE=thread
        build build/fuzz -DEDGE_SANITIZE=address -DEDGE_FUZZ=ON -DEDGE_TESTS=OFF -DCMAKE_C_COMPILER=clang
        more=(-DEDGE_TSAN_DIR="$EDGEX_HOME/build/tsan" -DEDGE_FUZZ_DIR="$EDGEX_HOME/build/fuzz")
    fi
    rm -f "$EDGEX_HOME/build/test/build.ninja" # the options decide which tests there are
    build build/test -DEDGE_SANITIZE=address -DEDGE_LONG="$long" "${more[@]}"
    cd "$EDGEX_HOME"
    if [ "$long" != 0 ]; then
        exec ctest --test-dir build/test --verbose -j 3 -L long "${filter[@]}"
    fi
    local code=0
    ctest --test-dir build/test --output-on-failure --timeout 900 -j 2 "${filter[@]}" || code=$?
    [ $code = 0 ] || test_reasons build/test/Testing/Temporary/LastTest.log
    exit $code
}

# What failed stands far up, amid what services said: the reasons once more, a few of each test.
test_reasons() { # test_reasons LOG-OF-CTEST
    say "
Why:"
    awk '
        /^[0-9]+\/[0-9]+ Test: / {name = $3; n = 0; why = ""}
        /^    [0-9]+\. .*:[0-9]+  - |^FAILED: |^ *--- FAIL|ERROR: [A-Z][A-Za-z]*Sanitizer|WARNING: ThreadSanitizer|runtime error:|^ERROR: libFuzzer/ {
            if (n++ < 10) why = why "    " substr($0, 1, 300) "\n"}
        /^Test [A-Z][a-z]*\.$/ && !/Passed/ {printf "  %s\n%s", name, why}' "$1"
}

test_arm64() { # does not return
    . "$EDGEX_HOME/tools/arm64.sh"
    # A subshell: what cannot be installed here is a reason to skip, not to fail.
    if ! (install_packages "${TEST_PACKAGES[@]}" && arm64_ready); then
        say "SKIPPED: the cross compiler, qemu or the arm64 libraries cannot be had: nothing was tested on arm64" >&2
        exit 77
    fi
    build build/arm64/test -DCMAKE_TOOLCHAIN_FILE="$EDGEX_HOME/tools/arm64.cmake" -- unit-tests
    cd "$EDGEX_HOME"
    # bus_broker floods the bus faster than an emulated receiver reads: the broker's queue ends before it does.
    # The documents are the same for all machines.
    exec ctest --test-dir build/arm64/test --output-on-failure --timeout 300 -j 2 -L unit -E '^unit/bus_broker$|^docs/' "$@"
}
