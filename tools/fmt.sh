# shellcheck shell=bash
# edgex fmt: the sources as .clang-format has them.

verb_main() {
    case "${1:-}" in -h | --help) say "Usage: ./edgex fmt"; exit 0 ;; esac
    install_packages clang-format
    cd "$EDGEX_HOME"
    git ls-files '*.c' '*.h' | xargs -r clang-format -i
    git diff --stat
}
