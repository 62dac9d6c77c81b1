# shellcheck shell=bash
# edgex lint: what a reader would otherwise have to point out.

lint_usage() {
    say "Usage: ./edgex lint [--quick]"
    say "Formatting, names nobody may call, headers that compile alone, warnings of gcc and clang with"
    say "thread-safety analysis as errors, clang-tidy (left out by --quick), shellcheck."
}

verb_main() {
    local quick=0
    case "${1:-}" in
    -h | --help) lint_usage; exit 0 ;;
    --quick) quick=1 ;;
    "") ;;
    *) die "lint: unknown option '$1'; ./edgex lint --help" ;;
    esac
    install_packages "${RUN_PACKAGES[@]}" "${LINT_PACKAGES[@]}"
    cd "$EDGEX_HOME"
    local failed=0 step
    for step in lint_format lint_words lint_headers lint_shell lint_compilers lint_docs; do
        $step || { say "$step failed"; failed=1; }
    done
    [ $quick = 1 ] || lint_tidy || { say "lint_tidy failed"; failed=1; }
    [ $failed = 0 ] && say "lint: clean"
    return $failed
}

lint_format() { git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror; }

lint_words() { # functions that are never right here, and marks of unfinished work
    ! git grep -nE '\b(strcpy|strcat|sprintf|strtok|gets|atoi|alloca)\(' -- '*.c' '*.h' &&
        ! git grep -nE '\b(TODO|FIXME)\b|/[/*].*\bXXX\b' -- '*.c' '*.h' '*.sh' edgex ':!tools/lint.sh'
}

lint_headers() { # each compiles alone
    local header
    for header in $(git ls-files 'lib/*.h' 'device-sdk/include/*.h'); do
        printf '#include "%s"\n' "$EDGEX_HOME/$header" |
            gcc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -x c \
                -Ilib/common/include -Ilib/common -Ilib/common/src -Ilib/common/contracts -Idevice-sdk/include - || return 1
    done
}

lint_shell() { shellcheck -x -e SC1090,SC1091,SC2046,SC2086,SC2034,SC2154,SC2164,SC2312 edgex tools/*.sh tests/*/*.sh docker/collect packaging/p* .ci/run; }

lint_compilers() {
    build build/lint-gcc -DEDGE_WERROR=ON -DEDGE_BENCH=ON &&
        build build/lint-clang -DEDGE_WERROR=ON -DEDGE_BENCH=ON -DCMAKE_C_COMPILER=clang
}

lint_docs() { # the API pages say what the tables say; the rest that is written, what the folders say
    EDGE_BIN_DIR=build/lint-gcc tests/tools/api.sh && tests/tools/lists.sh
}

lint_tidy() {
    git ls-files 'lib/*.c' 'device-sdk/*.c' "${SERVICE_ROOTS[@]/%//*.c}" |
        xargs -P "$(nproc)" -n 4 clang-tidy --quiet --warnings-as-errors='*' -p build/lint-clang 2>/dev/null
}
