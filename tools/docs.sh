# shellcheck shell=bash
# edgex docs: what is written from the tables and from the list of services.

. "$EDGEX_HOME/tools/lists.sh"

verb_main() {
    case "${1:-}" in
    "") ;;
    -h | --help)
        say "Usage: ./edgex docs"
        say "Writes docs/api (pages, OpenAPI) from the tables of the services; docker-compose.yml, docker-compose.edgexd.yml,"
        say ".dockerignore and docs/services.md from their folders. The tests and ./edgex lint check that all are current."
        exit 0
        ;;
    *) die "docs: unknown option '$1'; ./edgex docs --help" ;;
    esac
    install_packages "${RUN_PACKAGES[@]}"
    docs_write
    git -C "$EDGEX_HOME" --no-pager diff --stat -- docs/api "${LISTS[@]}"
}

docs_write() {
    build build/release -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -- edgex-docs
    mkdir -p "$EDGEX_HOME/docs/api"
    "$EDGEX_HOME/build/release/edgex-docs" "$EDGEX_HOME/docs/api"
    docs_forget
    lists_write "$EDGEX_HOME"
}

docs_forget() { # pages of services that are gone
    local page name
    for page in "$EDGEX_HOME"/docs/api/*.md "$EDGEX_HOME"/docs/api/openapi/*.yaml; do
        name=${page##*/}
        [ "$name" != functions.md ] || continue # of no service
        [ -n "${SERVICE_FOLDERS[${name%.*}]:-}" ] || rm -f "$page"
    done
}
