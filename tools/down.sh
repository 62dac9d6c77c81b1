# shellcheck shell=bash
# edgex down: stop what ./edgex up started.

verb_main() {
    data_option "$@"
    case "${REST[*]:-}" in
    "") ;;
    -h | --help)
        say "Usage: ./edgex down [--data DIR]"
        say "Stops the platform started with that data directory; what was acknowledged is kept."
        exit 0
        ;;
    *) die "down: unknown option '${REST[*]}'; ./edgex down --help" ;;
    esac
    [ -n "$(running_programs)" ] || { say "Nothing is running with data in $DATA."; exit 0; }
    stop_programs
    say "Stopped."
}
