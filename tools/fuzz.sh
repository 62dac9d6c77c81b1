# shellcheck shell=bash
# edgex fuzz: one door, some seconds, a corpus that is kept between runs.

fuzz_names() { find "$EDGEX_HOME/tests/fuzz" "$EDGEX_HOME"/services/*/fuzz -name 'fuzz_*.c' -printf '%f\n' 2>/dev/null | sed 's/^fuzz_//;s/\.c$//' | sort; }

verb_main() {
    data_option "$@"
    set -- "${REST[@]}"
    case "${1:-}" in
    "" | -h | --help)
        say "Usage: ./edgex fuzz TARGET [SECONDS]"
        say "Targets: $(fuzz_names | xargs)"
        say "Inputs found are kept in var/fuzz/TARGET; a crash leaves its input in the current directory."
        exit 0
        ;;
    esac
    local target=$1 seconds=${2:-60}
    fuzz_names | grep -qx "$target" || die "there is no target '$target'; there are: $(fuzz_names | xargs)"
    case "$seconds" in *[!0-9]* | "") die "SECONDS is a number" ;; esac
    install_packages "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
    build build/fuzz -DEDGE_SANITIZE=address -DEDGE_FUZZ=ON -DEDGE_TESTS=OFF -DCMAKE_C_COMPILER=clang
    mkdir -p "$DATA/fuzz/$target"
    exec "$EDGEX_HOME/build/fuzz/tests/fuzz_$target" -max_total_time="$seconds" -max_len=65536 \
        "$DATA/fuzz/$target"
}
