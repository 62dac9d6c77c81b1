# shellcheck shell=bash
# edgex docs: the API pages, generated from the tables.

verb_main() {
    case "${1:-}" in
    -h | --help)
        say "Usage: ./edgex docs"
        say "Writes docs/api/*.md from the tables of the services. ./edgex lint checks that they are current."
        exit 0
        ;;
    esac
    install_packages "${RUN_PACKAGES[@]}"
    build_release
    mkdir -p "$EDGEX_HOME/docs/api"
    "$EDGEX_HOME/build/release/edgex-docs" "$EDGEX_HOME/docs/api"
    git -C "$EDGEX_HOME" --no-pager diff --stat -- docs/api
}
