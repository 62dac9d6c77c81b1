# shellcheck shell=bash
# edgex bench: figures, not tests. Each program measures its calibration loop in the same run.

bench_names() { find "$EDGEX_HOME/tests/bench" -name 'bench_*.c' -o -name 'bench_*.sh' | sed 's|.*/bench_||;s/\.[a-z]*$//' | sort; }

# bench_program NAME: what is compiled, or a script beside the sources
bench_program() {
    local script=$EDGEX_HOME/tests/bench/bench_$1.sh
    if [ -f "$script" ]; then echo "$script"; else echo "$EDGEX_HOME/build/bench/tests/bench_$1"; fi
}

bench_about() { # bench_about NAME: the first sentence of its source
    local source=$EDGEX_HOME/tests/bench/bench_$1.c
    [ -f "$source" ] || source=$EDGEX_HOME/tests/bench/bench_$1.sh
    sed -n '1,8{/^#!/d;s/^\/\*  *//;s/^ \*  *//;s/^# *//;/^\/\*$/d;/^#\?include\|^set /q;p}' "$source" | tr '\n' ' ' |
        sed "s/^$1 *\(\[.*\]\)\{0,1\}: *//;s/[.:;] .*//;s/[. ]*$//" | sed -E '/^.{101}/s/^(.{1,100}), .*/\1/'
}

bench_list() {
    local name
    for name in $(bench_names); do printf '  %-10s %s\n' "$name" "$(bench_about "$name")"; done
}

bench_usage() {
    cat <<EOF
Usage: ./edgex bench [NAME [ARGUMENTS] | --all]

Builds the benchmarks and runs one, or all of them; without a name it lists what there is:

$(bench_list)

The last line of each is 'bench NAME key=value ...'. Arguments are in the head of tests/bench/bench_NAME.*.
EOF
}

verb_main() {
    local name names=()
    data_option "$@"
    set -- "${REST[@]}"
    case "${1:-}" in
    "" | -h | --help) bench_usage; exit 0 ;;
    --all) mapfile -t names < <(bench_names) ;;
    -*) die "bench: unknown option '$1'; ./edgex bench --help" ;;
    *) bench_names | grep -qx -- "$1" || die "there is no benchmark '$1'; there are: $(bench_names | xargs)" ;;
    esac
    install_packages "${RUN_PACKAGES[@]}" "${SPLIT_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
    build build/bench -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -DEDGE_BENCH=ON
    export EDGE_BIN_DIR=$EDGEX_HOME/build/bench EDGE_SOURCE_DIR=$EDGEX_HOME
    [ ${#names[@]} -gt 0 ] || exec "$(bench_program "$1")" "${@:2}"
    for name in "${names[@]}"; do
        say "== $name"
        "$(bench_program "$name")" || [ $? = 77 ] # 77: skipped, and says so
    done
}
