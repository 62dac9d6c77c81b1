# shellcheck shell=bash
# edgex logs: what the services say.

verb_main() {
    local follow=() service="" argument
    data_option "$@"
    for argument in "${REST[@]}"; do
        case "$argument" in
        -f | --follow) follow=(-f) ;;
        -h | --help)
            say "Usage: ./edgex logs [-f] [SERVICE] [--data DIR]"
            say "The last 100 lines of all services or of one; -f goes on until Ctrl-C."
            exit 0
            ;;
        -*) die "logs: unknown option '$argument'; ./edgex logs --help" ;;
        *) service=$argument ;;
        esac
    done
    local files=()
    mapfile -t files < <(ls "$DATA"/log/*.log 2>/dev/null || true)
    [ ${#files[@]} -gt 0 ] || die "no logs in $DATA/log"
    if [ -z "$service" ]; then
        exec tail -q -n 100 "${follow[@]}" "${files[@]}"
    fi
    if [ -f "$DATA/log/$service.log" ]; then
        exec tail -n 100 "${follow[@]}" "$DATA/log/$service.log"
    fi
    grep -qs "app=$service " "$DATA/log/edgexd.log" || die "no service '$service' in $DATA/log"
    if [ ${#follow[@]} -gt 0 ]; then
        tail -n +1 -f "$DATA/log/edgexd.log" | grep --line-buffered "app=$service "
    else
        grep "app=$service " "$DATA/log/edgexd.log" | tail -n 100
    fi
}
