# shellcheck shell=bash
# edgex new: a folder to start from. What each kind does is in tools/new_<kind>.sh, its files below tools/new/<kind>/.

new_usage() {
    cat <<'END'
Usage: ./edgex new service NAME [OPTIONS]
       ./edgex new driver NAME [FOLDER]

A service or a driver that works: found by the build, tested, documented, packaged, in the compose files.
./edgex new service --help and ./edgex new driver --help say more.
END
}

verb_main() {
    case "${1:-}" in
    "" | -h | --help) new_usage ;;
    driver | service)
        . "$EDGEX_HOME/tools/new_$1.sh"
        "new_$1" "${@:2}"
        ;;
    *) die "new: there is no kind '$1'; ./edgex new --help" ;;
    esac
}

new_lists() { # what is made of the list of services, now that there is one more
    SERVICES=() SERVICE_FOLDERS=() SERVICE_PORTS=() SERVICE_CONF=()
    services_read "$EDGEX_HOME" || exit 1
    . "$EDGEX_HOME/tools/docs.sh"
    docs_write
}
