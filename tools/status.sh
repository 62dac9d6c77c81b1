# shellcheck shell=bash
# edgex status: what runs, and how it feels.

verb_main() {
    local json=0 argument
    data_option "$@"
    for argument in "${REST[@]}"; do
        case "$argument" in
        --json) json=1 ;;
        -h | --help)
            say "Usage: ./edgex status [--json] [--data DIR]"
            say "Service, pid, port, state (up, down, starting, silent), memory (PSS) and uptime. In one process the"
            say "services share a pid and its memory. In the split shape their broker (mosquitto) is shown too. A port"
            say "somebody else holds is named. Exit code 0 if all are up, 3 otherwise."
            exit 0
            ;;
        *) die "status: unknown option '$argument'; ./edgex status --help" ;;
        esac
    done
    local name pid port state memory uptime comma="" all_up=0 shown=("${SERVICES[@]}")
    ! has_broker || shown=(mosquitto "${SERVICES[@]}")
    [ $json = 0 ] || printf '['
    [ $json = 1 ] || printf '%-24s %7s %6s %-9s %9s %9s\n' SERVICE PID PORT STATE MEMORY UPTIME
    for name in "${shown[@]}"; do
        port=$(service_port "$name")
        pid=$(service_pid "$name" || echo 0)
        state=down memory=0 uptime=0
        if [ "$pid" != 0 ]; then
            state=starting memory=$(pss_kb "$pid") uptime=$(uptime_s "$pid")
            [ "$uptime" -lt 60 ] || state=silent # ./edgex up waits no longer
            ! answers "$name" || state=up
        fi
        [ $state = up ] || all_up=3
        if [ $json = 1 ]; then
            printf '%s{"service":"%s","pid":%s,"port":%s,"state":"%s","memoryKb":%s,"uptimeSeconds":%s}' \
                "$comma" "$name" "$pid" "$port" $state "$memory" "$uptime"
            comma=,
        else
            printf '%-24s %7s %6s %-9s %6s kB %7s s\n' "$name" "$pid" "$port" $state "$memory" "$uptime"
        fi
    done
    [ $json = 0 ] || printf ']\n'
    foreign_ports >&2
    exit $all_up
}
