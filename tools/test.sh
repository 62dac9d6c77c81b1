# shellcheck shell=bash
# edgex test: everything that can fail, with sanitizers.

test_usage() {
    cat <<'EOF'
Usage: ./edgex test [-R REGEX] [--quick]

Installs what the tests need, builds with address and undefined-behaviour sanitizers, with the thread
sanitizer and with libFuzzer, runs all of it under ctest, and exits non-zero on any failure.

  -R REGEX   only tests whose name matches (unit/..., system/..., tsan/..., fuzz/...)
  --quick    unit tests only
EOF
}

verb_main() {
    local filter=() quick=0
    while [ $# -gt 0 ]; do
        case "$1" in
        -R) [ $# -ge 2 ] || die "-R needs an expression"; filter=(-R "$2"); shift 2 ;;
        --quick) quick=1; filter=(-L unit); shift ;;
        -h | --help) test_usage; exit 0 ;;
        *) die "test: unknown option '$1'; ./edgex test --help" ;;
        esac
    done
    install_packages "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    local more=()
    if [ $quick = 0 ]; then
        build build/tsan -DEDGE_SANITIZE=thread
        build build/fuzz -DEDGE_SANITIZE=address -DEDGE_FUZZ=ON -DEDGE_TESTS=OFF -DCMAKE_C_COMPILER=clang
        more=(-DEDGE_TSAN_DIR="$EDGEX_HOME/build/tsan" -DEDGE_FUZZ_DIR="$EDGEX_HOME/build/fuzz")
    fi
    rm -f "$EDGEX_HOME/build/test/build.ninja" # the options decide which tests there are
    build build/test -DEDGE_SANITIZE=address "${more[@]}"
    cd "$EDGEX_HOME"
    exec ctest --test-dir build/test --output-on-failure --timeout 900 -j 2 "${filter[@]}"
}
