# shellcheck shell=bash
# edgex bench: figures, not tests. Each program measures its calibration loop in the same run.

bench_names() { find "$EDGEX_HOME/tests/bench" -name 'bench_*.c' -o -name 'bench_*.sh' | sed 's|.*/bench_||;s/\.[a-z]*$//' | sort; }

# bench_program NAME: what is compiled, or a script beside the sources
bench_program() {
    local script=$EDGEX_HOME/tests/bench/bench_$1.sh
    if [ -f "$script" ]; then echo "$script"; else echo "$EDGEX_HOME/build/bench/tests/bench_$1"; fi
}

verb_main() {
    data_option "$@"
    set -- "${REST[@]}"
    case "${1:-}" in
    -h | --help)
        say "Usage: ./edgex bench [NAME [ARGUMENTS]]"
        say "Builds the benchmarks and runs one, or all. The last line of each is 'bench NAME key=value ...'."
        say "There are: $(bench_names | xargs)"
        exit 0
        ;;
    esac
    install_packages "${RUN_PACKAGES[@]}" "${SPLIT_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
    build build/bench -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -DEDGE_BENCH=ON
    export EDGE_BIN_DIR=$EDGEX_HOME/build/bench EDGE_SOURCE_DIR=$EDGEX_HOME
    local name
    if [ $# -gt 0 ]; then
        name=$1
        shift
        bench_names | grep -qx "$name" || die "there is no benchmark '$name'; there are: $(bench_names | xargs)"
        exec "$(bench_program "$name")" "$@"
    fi
    for name in $(bench_names); do
        say "== $name"
        "$(bench_program "$name")" || [ $? = 77 ] # 77: skipped, and says so
    done
}
