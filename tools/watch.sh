# shellcheck shell=bash
# edgex watch: readings as they come.

watch_usage() {
    cat <<EOF
Usage: ./edgex watch [--device NAME] [--resource NAME] [--source NAME] [-n READINGS] [--patience SECONDS]
                     [--core-data URL] [--data DIR]

A line for each reading from now on, until Ctrl-C: time (UTC), device, resource, value, units.

  --device, --resource, --source NAME   only those; * and ? stand for any characters and any one
  -n READINGS          end after so many
  --patience SECONDS   when nothing came for so long (10) it says so, and why that may be
  --core-data URL      of another platform (default: http://localhost:$(service_port core-data))

With a broker (up --split) they come over it, at once, stored or not. In one process there is none: core-data
is asked every second for what is new, so it shows what is stored, and what is dated more than six seconds back
is not shown. Asking has core-data store at once what it would have gathered.
EOF
}

verb_main() {
    local options=() url=""
    data_option "$@"
    set -- "${REST[@]}"
    while [ $# -gt 0 ]; do
        case "$1" in
        -h | --help) watch_usage; exit 0 ;;
        --device | --resource | --source | -n | --patience | --core-data)
            [ $# -ge 2 ] || die "watch: $1 needs a value"
            if [ "$1" = --core-data ]; then url=$2; else options+=("$1" "$2"); fi
            shift 2
            ;;
        --*=*)
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
            ;;
        *) die "watch: unknown option '$1'; ./edgex watch --help" ;;
        esac
    done
    if [ -z "$url" ]; then
        answers core-data || die "watch: core-data does not answer on port $(service_port core-data) with data in $DATA; ./edgex up starts it"
        url=http://localhost:$(service_port core-data)
    fi
    [ -n "${EDGEX_BIN:-}" ] || build build/release -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGE_TESTS=OFF -- edgex-watch >&2
    exec "$BIN/edgex-watch" --core-data "$url" "${options[@]}"
}
